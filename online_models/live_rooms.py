"""Which live room for whom: the recommender's own parts over rooms, where to come into one is to take it."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from online_models.events import BATCH_SCHEMA, CLICK, ORDER
from online_models.history import SILENCE_MS
from online_models.mix import Mix
from online_models.recommender import Recommender
from online_models.updates import Updates

Visit = tuple[str, int]
"""The room where a user was last, and when anything was heard of them there."""


_SERVED = 20
"""Rooms published a user; behind them come those for anyone."""
_LEARN_EVERY = 4
"""The gate learns from one visit in so many: there are several times as many as clicks."""


class LiveRooms:
    """Learns visits of live rooms from the events that teach the recommender, and ranks rooms.

    A visit begins with a user's first event in a room other than their last one, or after half an hour of
    silence; it is what a click is elsewhere, and a paid line in the room what it is there. Costs a dictionary
    look-up a user and batch, and one prediction a visit.

    >>> rooms = LiveRooms()
    >>> rooms.learn_many(pa.RecordBatch.from_pydict({
    ...     "event_time_ms": [0, 1_000, 2_000], "event_id": ["1", "2", "3"], "user_id": ["ann", "ann", "bob"],
    ...     "item_id": [None, "tea", None], "session_id": [None, None, None], "kind": [0, 1, 0],
    ...     "room_id": ["r1", "r1", "r1"]}))
    >>> rooms.model.model_version, [room for room, score, part in rooms.model.rank("cy", 3, now_ms=3_000)]
    (2, ['r1'])
    """

    def __init__(self) -> None:
        self.model = Recommender(Mix(learn_every=_LEARN_EVERY))
        self._last: dict[str, Visit] = {}

    def learn_many(self, batch: pa.RecordBatch) -> None:
        """Learns the visits and paid lines in a batch of `ROOM_SCHEMA`; other batches have none."""
        if "room_id" not in batch.schema.names:
            return
        known = pc.and_(pc.is_valid(batch["room_id"]), pc.is_valid(batch["user_id"]))
        here = batch.filter(known)
        if here.num_rows == 0:
            return
        begun, paid = self._visits(here), here["kind"].to_numpy() == ORDER
        taught = np.flatnonzero(begun | paid)
        rows = here.take(pa.array(taught))
        kinds = pa.array(np.where(begun, CLICK, ORDER)[taught].astype(np.int8))
        self.model.learn_many(
            pa.RecordBatch.from_arrays(
                [rows["event_time_ms"], rows["event_id"], rows["user_id"], rows["room_id"],
                 pa.nulls(len(rows), pa.string()), kinds],
                schema=BATCH_SCHEMA,
            )
        )  # fmt: skip
        self._forget(int(here["event_time_ms"].to_numpy()[-1]))

    def _visits(self, here: pa.RecordBatch) -> Any:
        """Which rows begin a visit; notes where everybody is after them."""
        users, rooms = here["user_id"].dictionary_encode(), here["room_id"].dictionary_encode()
        names, places = users.dictionary.to_pylist(), rooms.dictionary.to_pylist()
        who, where = users.indices.to_numpy(), rooms.indices.to_numpy()
        times = here["event_time_ms"].to_numpy()
        order = np.argsort(who, kind="stable")
        same = who[order][1:] == who[order][:-1]
        moved = (where[order][1:] != where[order][:-1]) | (np.diff(times[order]) > SILENCE_MS)
        begun = np.ones(len(order), np.bool_)
        begun[order[1:]] = moved | ~same
        firsts, lasts = order[np.append(True, ~same)], order[np.append(~same, True)]
        for row in firsts.tolist():
            room, last_ms = self._last.get(names[who[row]], ("", 0))
            begun[row] = room != places[where[row]] or times[row] - last_ms > SILENCE_MS
        for row in lasts.tolist():
            self._last[names[who[row]]] = places[where[row]], int(times[row])
        return begun

    def _forget(self, now_ms: int) -> None:
        """Those silent for so long begin a visit whatever they did before."""
        if len(self._last) > 2 * max(1_000, len(self.model.mix._users)):
            since = now_ms - SILENCE_MS
            self._last = {user: visit for user, visit in self._last.items() if visit[1] >= since}

    def take_updates(self, most: int | None = 20_000) -> Updates:
        """What changed since the last call, rooms as items."""
        return self.model.take_updates(most, _SERVED)

    def snapshot(self) -> dict[str, Any]:
        """All that was learned, to be pickled at once."""
        return {"model": self.model.snapshot(), "last": self._last}

    @classmethod
    def from_snapshot(cls, read: dict[str, Any]) -> "LiveRooms":
        """What had this `snapshot`."""
        rooms = cls()
        rooms.model, rooms._last = Recommender.from_snapshot(read["model"]), dict(read["last"])
        return rooms
