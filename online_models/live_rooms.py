"""Which live room for whom: the recommender's own parts over rooms, where to come into one is to take it."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from online_models.compiled import compiled
from online_models.events import CLICK, ORDER, Events
from online_models.history import SILENCE_MS
from online_models.mix import Mix
from online_models.recommender import Recommender
from online_models.state import Column, Layout, allocate, clear, dump, grow, load
from online_models.updates import Updates

_SERVED = 20
"""Rooms published a user; behind them come those for anyone."""
_LEARN_EVERY = 8
"""The gate learns from one visit in so many: there are several times as many as clicks, and few rooms."""


class Whereabouts(NamedTuple):
    """The room where each user was last (-1: nowhere), and when anything was heard of them there."""

    room: np.ndarray
    heard_ms: np.ndarray


WHEREABOUTS: Layout = {"room": Column(np.int32, fill=-1), "heard_ms": Column(np.int64)}


class LiveRooms:
    """Learns visits of live rooms from the events that teach the recommender, and ranks rooms.

    A visit begins with a user's first event in a room other than their last one, or after half an hour of
    silence; it is what a click is elsewhere, and a paid line in the room what it is there. Costs a dictionary
    look-up a user and batch, and one prediction in eight visits.

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
        self._where = allocate(Whereabouts, WHEREABOUTS, 1)
        self._hour: int | None = None

    def learn_many(self, batch: pa.RecordBatch) -> None:
        """Learns the visits and paid lines in a batch of `ROOM_SCHEMA`; other batches have none."""
        if "room_id" not in batch.schema.names:
            return
        here = batch.filter(pc.and_(pc.is_valid(batch["room_id"]), pc.is_valid(batch["user_id"])))
        for part in self.model.in_hours(here):
            self._learn(part)

    def _learn(self, here: pa.RecordBatch) -> None:
        users, rooms, mix = self.model.mix._users, self.model.mix._items, self.model.mix
        self._forget()
        who, where = users.intern(here["user_id"]), rooms.intern(here["room_id"])
        self._where = grow(self._where, WHEREABOUTS, len(users))
        times_ms, begun = here["event_time_ms"].to_numpy(), np.zeros(len(who), np.bool_)
        _visits(self._where, who, where, times_ms, begun)
        taught = np.flatnonzero(begun | (here["kind"].to_numpy() == ORDER))
        nowhere, no_session = np.full(len(taught), -1, np.int32), np.zeros(len(taught), np.int64)
        kinds = np.where(begun[taught], CLICK, ORDER).astype(np.int8)
        mix.learn_ranked(Events(times_ms[taught], who[taught], where[taught], no_session, kinds, nowhere))
        self.model.model_version += len(taught)

    def _forget(self) -> None:
        """Who or what was forgotten, at a full hour, leaves its row to somebody else."""
        if self._hour == self.model.expiry.hour:
            return
        self._hour = self.model.expiry.hour
        clear(self._where, WHEREABOUTS, np.array(self.model.mix._users.free, np.int64))
        self._where.room[np.isin(self._where.room, self.model.mix._items.free)] = -1

    def take_updates(self, most: int | None = 20_000) -> Updates:
        """What changed since the last call, rooms as items."""
        return self.model.take_updates(most, _SERVED)

    def snapshot(self) -> dict[str, Any]:
        """All that was learned, to be pickled at once."""
        where = dump(self._where, WHEREABOUTS, len(self.model.mix._users))
        return {"model": self.model.snapshot(), "where": where}

    @classmethod
    def from_snapshot(cls, read: dict[str, Any]) -> "LiveRooms":
        """What had this `snapshot`."""
        rooms = cls()
        rooms.model = Recommender.from_snapshot(read["model"])
        rooms._where = load(Whereabouts, WHEREABOUTS, len(rooms.model.mix._users), read["where"])
        return rooms


@compiled
def _visits(
    state: Whereabouts, user: np.ndarray, room: np.ndarray, time_ms: np.ndarray, begun: np.ndarray
) -> None:
    """Says which events begin a visit, and notes where everybody is after them."""
    for e in range(len(user)):
        u = user[e]
        begun[e] = state.room[u] != room[e] or time_ms[e] - state.heard_ms[u] > SILENCE_MS
        state.room[u], state.heard_ms[u] = room[e], time_ms[e]
