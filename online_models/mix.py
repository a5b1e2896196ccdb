"""Mix: popularity, transitions and the user's repeats, blended by what has been working."""

from typing import Any

import numpy as np
import pyarrow as pa

from online_models.events import Events
from online_models.mix_kernel import Told, learn_events, new_told, score_candidates
from online_models.mix_state import HOUR_MS, MixSettings, MixState, mix_layouts, new_mix_state
from online_models.payload import PARTS
from online_models.popularity import HALF_LIVES_MS as POPULARITY_HALF_LIVES_MS
from online_models.popularity import KIND_WEIGHTS
from online_models.scratch import SESSIONS, new_scratch, release, with_room
from online_models.state import Layout, grow
from online_models.stream_ranker import StreamRanker
from online_models.transitions import FALL, REACH
from online_models.transitions import HALF_LIVES_MS as TRANSITION_HALF_LIVES_MS
from schemas.errors import UsageError

DAY_MS = 24 * HOUR_MS


class Mix(StreamRanker):
    """The blend of all parts, learned online: the recommender's model.

    Use it where one ranking is wanted that follows whichever part works now. A click costs one prediction
    over at most some 800 candidates; memory is 1.4 kB an item and 400 bytes a user.

    Parameters
    ----------
    popularity_half_lives_ms
        After how many milliseconds a count has halved, one popularity each.
    transition_half_lives_ms
        The same for transitions: lasting ones, fresh ones.
    kind_weights
        What a view, a click and a paid order line count for popularity.
    reach
        How many of the user's last items are looked at.
    fall
        How much less each further step back counts, in (0, 1].
    rate
        The learning rate of the blend.
    parts
        Which parts are asked: of `popularity`, `repeats`, `transitions`, `neighbours`, `factors`.
    gate
        Whether the weights of the parts are learned; without, they stay what they begin as.
    learn_every
        The gate and the vectors learn from one in so many clicks (after the first 10,000: from each).
    rank_all
        Whether clicks between are ranked too, which only an evaluation needs.
    label_delay_ms
        How long after a view a click on its item is a click on the view.
    availability_ms
        Items not seen for so long are not ranked; None for all ever seen.
    seed
        Kept for river's interface; nothing here is random.

    Examples
    --------
    >>> model = Mix()
    >>> for user in ("ann", "bob", "cy"):
    ...     model.learn_one(user, "kettle")
    ...     model.learn_one(user, "tea")
    >>> model.learn_one("di", "kettle")
    >>> model.rank("di", {"tea", "kettle", "soap"})
    ['tea', 'kettle', 'soap']
    """

    def __init__(
        self,
        *,
        popularity_half_lives_ms: tuple[int, ...] = POPULARITY_HALF_LIVES_MS,
        transition_half_lives_ms: tuple[int, int] = TRANSITION_HALF_LIVES_MS,
        kind_weights: tuple[float, float, float] = KIND_WEIGHTS,
        reach: int = REACH,
        fall: float = FALL,
        rate: float = 0.05,
        availability_ms: int | None = DAY_MS,
        parts: tuple[str, ...] = PARTS,
        gate: bool = True,
        learn_every: int = 1,
        rank_all: bool = False,
        label_delay_ms: int = 30_000,
        seed: int | None = None,
    ):
        unknown = set(parts) - set(PARTS)
        if unknown:
            raise UsageError(f"Mix: no part {min(unknown)!r}; the parts are {', '.join(PARTS)}")
        super().__init__(seed)
        self.popularity_half_lives_ms = popularity_half_lives_ms
        self.transition_half_lives_ms = transition_half_lives_ms
        self.kind_weights = kind_weights
        self.reach = reach
        self.fall = fall
        self.rate = rate
        self.availability_ms = availability_ms
        self.parts = parts
        self.gate = gate
        self.learn_every = learn_every
        self.rank_all = rank_all
        self.label_delay_ms = label_delay_ms
        self._state = new_mix_state(popularity_half_lives_ms, transition_half_lives_ms)
        self._scratch = new_scratch(1, len(popularity_half_lives_ms), reach)
        self.now_ms = 0

    def settings(self) -> MixSettings:
        """The kernel's numbers."""
        forever = -1 if self.availability_ms is None else self.availability_ms
        use = np.array([part in self.parts for part in PARTS])
        numbers = np.array(self.kind_weights), self.reach, self.fall, self.rate, forever
        return MixSettings(*numbers, use, self.gate, self.learn_every, self.rank_all, self.label_delay_ms)

    def layouts(self) -> tuple[Layout, ...]:
        """The layout of each part of the state, in its order."""
        return mix_layouts(len(self.popularity_half_lives_ms))

    def rows(self) -> tuple[int, ...]:
        """How many ids each part of the state has rows for."""
        return _rows(len(self._users), len(self._items), self.sessions, len(self._rooms))

    @property
    def sessions(self) -> int:
        """How many sessions are remembered now."""
        return min(int(self._state.sessions.begun[0]), SESSIONS)

    def _learn(self, events: Events) -> None:
        self.learn_ranked(events)

    def learn_told(self, batch: pa.RecordBatch) -> Told:
        """Learns a batch as `learn_many` does, and tells each click's rank."""
        return self.learn_ranked(self.read(batch))

    def learn_ranked(self, events: Events, most: int = 0) -> Told:
        """Learns, and tells each click's rank and, where asked for, the best `most` items before it."""
        self.make_room(
            len(self._users), len(self._items), len(events.item), int(events.room.max(initial=-1)) + 1
        )
        told = new_told(len(events.item), most)
        learn_events(self._state, self._scratch, self.settings(), events, told)
        if len(events.item):
            self.now_ms = max(self.now_ms, int(events.time_ms.max()))
        return told

    def make_room(self, users: int, items: int, events: int = 0, rooms: int = 0) -> None:
        """Makes sure that the state can hold so many users, items and live rooms, and what so many events begin."""
        sessions = min(self.sessions + events, SESSIONS)
        parts = zip(self._state, self.layouts(), _rows(users, items, sessions, rooms), strict=True)
        grown: Any = [grow(state, layout, n) if n else state for state, layout, n in parts]
        self._state = MixState(*grown)
        self._scratch = with_room(self._scratch, items)

    def predict_one(self, user: Any, item: Any, x: dict[str, Any] | None = None) -> float:
        """The blend's score of an item for a user now; minus infinity where it is no candidate."""
        return self.scores(user, (x or {}).get("event_time_ms", self.now_ms)).get(item, float("-inf"))

    def rank(self, user: Any, items: set[Any], x: dict[str, Any] | None = None) -> list[Any]:
        """The items, likeliest first, those that are no candidates last; ties by name."""
        scores = self.scores(user, (x or {}).get("event_time_ms", self.now_ms))
        return sorted(items, key=lambda item: (-scores.get(item, float("-inf")), str(item)))

    def scores(self, user: Any, now_ms: int, room: str | None = None) -> dict[str, float]:
        """The score of every candidate for the user now, in a room or none, in the order in which they were found."""
        scratch, place = self._scratch, -1 if room is None else self._rooms.row(room)
        who: Any = np.int32(self._users.row(user)), np.int32(place)
        score_candidates(self._state, scratch, self.settings(), who, now_ms)
        found = scratch.item[: scratch.size[0]]
        scored = {str(self._items.names[row]): float(scratch.score[c]) for c, row in enumerate(found)}
        release(scratch)
        return scored


def _rows(users: int, items: int, sessions: int, rooms: int) -> tuple[int, ...]:
    users, items, sessions, rooms = max(1, users), max(1, items), max(1, sessions), max(1, rooms)
    return users, items, items, items, users, 0, items, sessions, users, items, rooms, 0
