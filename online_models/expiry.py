"""What is forgotten, and when: at full hours of event time, so that batches make no difference."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pyarrow as pa

from online_models.decay import growth
from online_models.factors import FACTOR
from online_models.history import HISTORY, forget_history_items
from online_models.mix import Mix
from online_models.mix_state import AUDIENCE, EVER, HOUR_MS, SIGHT
from online_models.neighbours import SEEN, VISIT, forget_session_items
from online_models.popularity import forget_items as forget_popularity
from online_models.rooms import forget_room_items, forget_rooms
from online_models.state import clear
from online_models.transitions import forget_items as forget_transitions

DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True)
class Gone:
    """Ids that were forgotten."""

    items: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    rooms: list[str] = field(default_factory=list)


class Expiry:
    """Forgets items that are neither available nor popular any more, and users long silent.

    Parameters
    ----------
    user_silence_ms
        A user not heard of for so long is forgotten.
    item_silence_ms
        An item is only forgotten when it was not seen for so long, ...
    item_count
        ... and its decayed count over the longest half-life is below this: one click is for 23 days.
    """

    def __init__(self, user_silence_ms: int = DAY_MS, item_silence_ms: int = DAY_MS, item_count: float = 0.1):
        self.user_silence_ms = user_silence_ms
        self.item_silence_ms = item_silence_ms
        self.item_count = item_count
        self.hour: int | None = None

    def settings(self) -> dict[str, float]:
        """The parameters, to make the same again."""
        return {
            "user_silence_ms": self.user_silence_ms,
            "item_silence_ms": self.item_silence_ms,
            "item_count": self.item_count,
        }

    def cut(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The batch in pieces that each lie in one hour (by the latest time so far)."""
        if batch.num_rows == 0:
            return
        hours = np.maximum.accumulate(batch.column("event_time_ms").to_numpy() // HOUR_MS)
        if self.hour is not None:
            hours = np.maximum(hours, self.hour)
        edges = [0, *(np.flatnonzero(np.diff(hours)) + 1).tolist(), len(hours)]
        for start, end in pairwise(edges):
            yield batch.slice(start, end - start)

    def before(self, mix: Mix, piece: pa.RecordBatch) -> Gone:
        """Forgets what is due before the piece is learned: nothing, unless it opens a new hour."""
        hour = piece.column("event_time_ms")[0].as_py() // HOUR_MS
        if self.hour is not None and hour <= self.hour:
            return Gone()
        first, self.hour = self.hour is None, hour
        if first:
            return Gone()
        return Gone(self._items(mix, hour), self._users(mix, hour), self._rooms(mix, hour))

    def _users(self, mix: Mix, hour: int) -> list[str]:
        state = mix._state.history
        last = state.last_ms[: len(mix._users)]
        rows = np.flatnonzero((last != EVER) & (last < hour * HOUR_MS - self.user_silence_ms))
        names = [str(mix._users.names[row]) for row in rows.tolist()]
        clear(state, HISTORY, rows)
        clear(mix._state.visits, VISIT, rows)
        clear(mix._state.audience, AUDIENCE, rows)
        mix._state.views.user[np.isin(mix._state.views.user, rows)] = -1
        mix._users.expire(rows.tolist())
        return names

    def _rooms(self, mix: Mix, hour: int) -> list[str]:
        """Rooms in which nothing was heard for as long as users are remembered."""
        state, audience = mix._state.rooms, mix._state.audience
        last = state.last_ms[: len(mix._rooms)]
        gone = (last != EVER) & (last < hour * HOUR_MS - self.user_silence_ms)
        rows = np.flatnonzero(gone)
        if len(rows) == 0:
            return []
        names = [str(mix._rooms.names[row]) for row in rows.tolist()]
        audience.room[(audience.room >= 0) & np.isin(audience.room, rows)] = -1
        forget_rooms(state, rows)
        mix._rooms.expire(rows.tolist())
        return names

    def _items(self, mix: Mix, hour: int) -> list[str]:
        gone = self._due(mix, hour)
        rows = np.flatnonzero(gone)
        if len(rows) == 0:
            return []
        names = [str(mix._items.names[row]) for row in rows.tolist()]
        state = mix._state
        forget_popularity(state.popularity, rows)
        forget_transitions(state.transitions, gone)
        forget_history_items(state.history, gone)
        forget_session_items(state.sessions, gone)
        forget_room_items(state.rooms, gone)
        clear(state.seen, SEEN, rows)
        clear(state.factors, FACTOR, rows)
        clear(state.sight, SIGHT, rows)
        state.views.item[np.isin(state.views.item, rows)] = -1
        mix._items.expire(rows.tolist())
        return names

    def _due(self, mix: Mix, hour: int) -> np.ndarray:
        state = mix._state
        seen = state.sight.hour
        longest = int(np.argmax(state.popularity.half_life_ms))
        landmark, half_life = (
            float(a[longest]) for a in (state.popularity.landmark_ms, state.popularity.half_life_ms)
        )
        one = growth(float(hour * HOUR_MS), landmark, half_life) if landmark != EVER else 1.0
        unseen = (seen != EVER) & (seen < hour - self.item_silence_ms // HOUR_MS)
        return np.asarray(unseen & (state.popularity.value[:, longest] < self.item_count * one))
