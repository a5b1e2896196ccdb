"""The protocol for items that nobody takes twice, as films: what a user had is no candidate, and every taking is asked.

Kitazawa, "Incremental Factorization Machines for Item Recommendation in Data Streams", 2016, as its program
stream-recommender runs it: positives in order of time, the first share learned without a question, then each
one predicted among the items seen so far that the user has not taken, then learned.
"""

from typing import NamedTuple

import numpy as np

from online_models.compiled import compiled
from online_models.events import CLICK, Events
from online_models.popularity import PopularityState, count_item

NONE = -1


class Takings(NamedTuple):
    """Which events are a user's first click on an item, and the row of that user's taking before each, or -1."""

    first: np.ndarray
    before: np.ndarray

    def most(self) -> int:
        """The most items that anyone took."""
        lengths = np.zeros(len(self.before), np.int64)
        rows = np.flatnonzero(self.first)
        for row in rows.tolist():
            lengths[row] = 1 + (lengths[self.before[row]] if self.before[row] >= 0 else 0)
        return int(lengths.max(initial=0))


def takings_of(events: Events) -> Takings:
    """Follow each user's first clicks on items."""
    first, before = np.zeros(len(events.item), np.bool_), np.full(len(events.item), NONE, np.int64)
    had: set[tuple[int, int]] = set()
    latest: dict[int, int] = {}
    rows = zip(events.user.tolist(), events.item.tolist(), events.kind.tolist(), strict=True)
    for row, (user, item, kind) in enumerate(rows):
        if kind == CLICK and user >= 0 and item >= 0 and (user, item) not in had:
            had.add((user, item))
            first[row], before[row], latest[user] = True, latest.get(user, NONE), row
    return Takings(first, before)


@compiled
def leave_out_own(ranks: np.ndarray, best: np.ndarray, item: np.ndarray, takings: Takings) -> None:
    """Moves each rank up by what stands before it that the user has taken; `best` lists at least as much.

    The same is done to the lists, whose ends become -1.
    """
    for e in range(len(ranks)):
        if not takings.first[e]:
            continue
        kept, ahead = 0, 0
        for p in range(best.shape[1]):
            listed = best[e, p]
            if listed < 0:
                break
            if _had(takings, item, e, listed):
                ahead += p + 1 < ranks[e]
            else:
                best[e, kept] = listed
                kept += 1
        best[e, kept:] = -1
        ranks[e] -= ahead


@compiled
def _had(takings: Takings, item: np.ndarray, row: int, wanted: int) -> bool:
    before = takings.before[row]
    while before >= 0:
        if item[before] == wanted:
            return True
        before = takings.before[before]
    return False


@compiled
def popularity_among_untaken(
    state: PopularityState, events: Events, takings: Takings, ranks: np.ndarray
) -> None:
    """The rank of each first click by decayed counts, among items that the user has not taken; costs a look at all."""
    value = state.value[:, 0]
    for e in range(len(events.item)):
        item = events.item[e]
        if events.kind[e] != CLICK or item < 0:
            continue
        if takings.first[e] and value[item] > 0.0:
            rank = 1
            for other in range(len(value)):
                rank += value[other] > value[item]
            before = takings.before[e]
            while before >= 0:
                rank -= value[events.item[before]] > value[item]
                before = takings.before[before]
            ranks[e] = rank
        elif takings.first[e]:
            ranks[e] = 0
        count_item(state, item, events.time_ms[e], 1.0)
