"""ShardedMix: users split over several learners, who tell each other of items now and then."""

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np

from online_models.events import CLICK, ENDED, Events
from online_models.identity import Identity
from online_models.mix import Mix
from online_models.mix_kernel import Told, new_told
from online_models.popularity import MINUTE_MS, new_popularity, popularity_layout
from online_models.sharing import average_factors, known_items, mean_weights, share_counts, share_sight
from online_models.state import grow
from online_models.stream_ranker import StreamRanker
from schemas.errors import UsageError

SHARE_EVERY_MS = 15 * MINUTE_MS
MOST_SHARDS = 64


def shard_of(user_id: str, shards: int) -> int:
    """Which of so many learners a user belongs to: the same on any machine.

    >>> [shard_of(user, 4) for user in ("ann", "bob", "cy")]
    [1, 2, 0]
    """
    return int.from_bytes(blake2b(user_id.encode(), digest_size=8).digest(), "big") % shards


class ShardedMix(StreamRanker):
    """N learners, each of its own users, over the same items.

    Use it to see what it costs in quality to learn on N cores. Shared at every `share_every_ms` of event time:
    vectors of items by their weighted mean, popularity as the sum, and which items there are. Each learner's own,
    of its users alone: histories, transitions, neighbours, counts of rooms, the gate, the click model. One learner
    shares nothing and is `Mix` itself. Events without a user teach the first learner; what is said of a
    broadcast all of them hear. Nothing expires, and as all share one table of ids, each has rows for all users.

    Parameters
    ----------
    shards
        How many learners.
    share_every_ms
        After how much event time they tell each other; at multiples of it, so batches make no difference.
    settings
        `Mix`'s, by name.
    clock
        Seconds, for how long each learner took; without one, nothing is measured.
    ids
        Tables of users, items and rooms, for events that were read by them already.

    Examples
    --------
    >>> model = ShardedMix(2)
    >>> for user in ("ann", "bob", "cy"):
    ...     model.learn_one(user, "kettle")
    ...     model.learn_one(user, "tea")
    >>> model.rank("ann", {"tea", "soap"})
    ['tea', 'soap']
    """

    def __init__(
        self,
        shards: int = 1,
        share_every_ms: int = SHARE_EVERY_MS,
        settings: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = lambda: 0.0,
        ids: tuple[Identity, Identity, Identity] | None = None,
    ):
        if not 1 <= shards <= MOST_SHARDS:
            raise UsageError(f"model shards are 1 to {MOST_SHARDS}; it is {shards}")
        super().__init__(None)
        if ids is not None:
            self._users, self._items, self._rooms = ids
        self.shards = shards
        self.share_every_ms = share_every_ms
        self.settings = dict(settings or {})
        self.clock = clock
        self.learners = [Mix(**self.settings) for _ in range(shards)]
        for learner in self.learners:
            learner._users, learner._items, learner._rooms = self._users, self._items, self._rooms
        half_lives_ms = self.learners[0].popularity_half_lives_ms
        self._common = new_popularity(half_lives_ms, 1)
        self._clicks = np.zeros((shards, 1))
        self._home = np.zeros(0, np.int64)
        self._period: int | None = None
        self._spent_s, self._sharing_s, self._slowest_s = np.zeros(shards), 0.0, 0.0
        self._busy_s = 0.0

    def _learn(self, events: Events) -> None:
        self.learn_ranked(events)

    def learn_ranked(self, events: Events, most: int = 0) -> Told:
        """Learns, and tells each click's rank and, where asked for, the best `most` items before it: see `Mix`."""
        rooms = int(events.room.max(initial=-1)) + 1
        self.make_room(len(self._users), len(self._items), rooms)
        told = new_told(len(events.item), most)
        for part in self._periods(events):
            homes = self._homes(events, part)
            for shard in range(self.shards):
                rows = part.start + np.flatnonzero((homes == shard) | (homes == _EVERYONES))
                if len(rows):
                    self._learn_shard(shard, _taken(events, rows), rows, (told, most))
        return told

    def _learn_shard(self, shard: int, events: Events, rows: np.ndarray, telling: tuple[Told, int]) -> None:
        told, most = telling
        began_s = self.clock()
        said = self.learners[shard].learn_ranked(events, most)
        self._spent_s[shard] += self.clock() - began_s
        told.rank[rows], told.asked[rows] = said.rank, said.asked
        if most:
            told.best[rows] = said.best
        clicked = events.item[(events.kind == CLICK) & (events.item >= 0)]
        self._clicks[shard] += np.bincount(clicked, minlength=self._clicks.shape[1])

    def _periods(self, events: Events) -> Iterator[slice]:
        """The events in slices that each lie in one period by the latest time so far; between two, all is shared."""
        if len(events.item) == 0:
            return
        periods = np.maximum.accumulate(events.time_ms // self.share_every_ms)
        if self._period is not None:
            periods = np.maximum(periods, self._period)
        edges = [0, *(np.flatnonzero(np.diff(periods)) + 1).tolist(), len(periods)]
        for start, end in pairwise(edges):
            period = int(periods[start])
            if self._period is not None and period > self._period:
                self._share()
            self._period = period
            yield slice(start, end)

    def _share(self) -> None:
        self._slowest_s += float(self._spent_s.max())
        self._busy_s += float(self._spent_s.sum())
        self._spent_s[:] = 0.0
        if self.shards > 1:
            began_s = self.clock()
            self._share_items()
            self._sharing_s += self.clock() - began_s
        self._clicks[:] = 0.0

    def _share_items(self) -> None:
        states, items = [learner._state for learner in self.learners], len(self._items)
        known = known_items([state.sight for state in states], items)
        weight = mean_weights(self._clicks[:, :items], known)
        average_factors([state.factors for state in states], weight, known)
        share_sight([state.sight for state in states], known)
        share_counts([state.popularity for state in states], self._common)

    def _homes(self, events: Events, part: slice) -> np.ndarray:
        """Whose each event is; -1: everyone's."""
        begun, users = len(self._home), self._users.names
        new = [shard_of(str(users[row]), self.shards) for row in range(begun, len(users))]
        self._home = np.concatenate([self._home, np.array(new, np.int64)])
        user = events.user[part]
        of_users = np.where(user >= 0, self._home[user] if len(self._home) else 0, 0)
        return np.where(events.kind[part] >= ENDED, _EVERYONES, of_users)

    def make_room(self, users: int, items: int, rooms: int = 0) -> None:
        """Makes sure that all learners can hold so many users, items and live rooms."""
        for learner in self.learners:
            learner.make_room(users, items, rooms=rooms)
        self._common = grow(self._common, popularity_layout(len(self._common.total)), max(1, items))
        if items > self._clicks.shape[1]:
            more = np.zeros((self.shards, max(items, 2 * self._clicks.shape[1]) - self._clicks.shape[1]))
            self._clicks = np.hstack([self._clicks, more])

    def seconds(self) -> tuple[float, float]:
        """How long learning took, by the clock: on one core; and on a core for each learner, who wait for the slowest."""
        busy = self._busy_s + float(self._spent_s.sum()) + self._sharing_s
        return busy, self._slowest_s + float(self._spent_s.max()) + self._sharing_s

    def predict_one(self, user: Any, item: Any, x: dict[str, Any] | None = None) -> float:
        """The score that the user's learner gives an item; minus infinity where it is no candidate."""
        return self.learner_of(user).predict_one(user, item, x)

    def rank(self, user: Any, items: set[Any], x: dict[str, Any] | None = None) -> list[Any]:
        """The items, likeliest first, as the user's learner ranks them."""
        return self.learner_of(user).rank(user, items, x)

    def learner_of(self, user: Any) -> Mix:
        """The learner that a user belongs to."""
        return self.learners[shard_of(str(user), self.shards)]


_EVERYONES = -1


def _taken(events: Events, rows: np.ndarray) -> Events:
    """Some of the events, as writable or not as they were: kernels are compiled for the one or the other."""
    taken = Events(*(column[rows] for column in events))
    for column, before in zip(taken, events, strict=True):
        column.setflags(write=before.flags.writeable)
    return taken
