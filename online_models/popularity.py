"""Popularity: decayed counts of each item over several half-lives, with exact top lists.

All items of one half-life fade alike, so their order changes only where a count grows: a list of the
best 100 stays exact by moving the one item that was counted.
"""

from typing import Any, NamedTuple

import numpy as np

from online_models.compiled import compiled
from online_models.decay import UNSET_MS, growth, overdue
from online_models.events import Events
from online_models.state import Column, Layout, allocate, clear, grow
from online_models.stream_ranker import StreamRanker

TOP = 100
MINUTE_MS = 60_000
HALF_LIVES_MS = (10 * MINUTE_MS, 360 * MINUTE_MS, 7 * 1440 * MINUTE_MS)
KIND_WEIGHTS = (0.01, 1.0, 3.0)
"""What a view, a click and a paid order line count."""


class PopularityState(NamedTuple):
    """Counts in forward-decayed units, and the best `TOP` items of each half-life, best first."""

    value: np.ndarray
    place: np.ndarray
    top: np.ndarray
    total: np.ndarray
    landmark_ms: np.ndarray
    half_life_ms: np.ndarray


def popularity_layout(half_lives: int) -> Layout:
    """The arrays of a `PopularityState` with so many half-lives."""
    return {
        "value": Column(np.float64, (half_lives,)),
        "place": Column(np.int32, (half_lives,), -1),
        "top": Column(np.int32, (half_lives, TOP), -1, per_id=False),
        "total": Column(np.float64, (half_lives,), per_id=False),
        "landmark_ms": Column(np.int64, (half_lives,), UNSET_MS, per_id=False),
        "half_life_ms": Column(np.float64, (half_lives,), per_id=False),
    }


def new_popularity(half_lives_ms: tuple[int, ...], rows: int) -> PopularityState:
    """A state that has counted nothing."""
    state = allocate(PopularityState, popularity_layout(len(half_lives_ms)), rows)
    state.half_life_ms[:] = half_lives_ms
    return state


@compiled
def count_item(state: PopularityState, item: int, now_ms: int, weight: float) -> None:
    """Counts one event of an item, in every half-life."""
    value, place, top, total, landmark, half_life = state
    for h in range(len(total)):
        if landmark[h] == UNSET_MS:
            landmark[h] = now_ms
        shift = overdue(now_ms, landmark[h], half_life[h])
        if shift > 0.0:
            _bring_down(state, h, shift)
        gain = weight * growth(now_ms, landmark[h], half_life[h])
        value[item, h] += gain
        total[h] += gain
        _raise(value[:, h], place[:, h], top[h], item)


@compiled
def share_of(state: PopularityState, h: int, item: int) -> float:
    """The item's share of all decayed counts, 0 where nothing was counted."""
    return state.value[item, h] / state.total[h] if state.total[h] > 0.0 else 0.0


@compiled
def _bring_down(state: PopularityState, h: int, shift: float) -> None:
    factor = np.exp2(-shift)
    for item in range(len(state.value)):
        state.value[item, h] *= factor
    state.total[h] *= factor
    state.landmark_ms[h] += np.int64(shift * state.half_life_ms[h])


@compiled
def _raise(value: np.ndarray, place: np.ndarray, top: np.ndarray, item: int) -> None:
    """Moves an item up to where its count belongs; the arrays are one half-life's."""
    mine = value[item]
    at = place[item]
    if at < 0:
        last = top[TOP - 1]
        if last >= 0:
            if value[last] >= mine:
                return
            place[last] = -1
        at = TOP - 1
    while at > 0:
        above = top[at - 1]
        if above >= 0:
            if value[above] >= mine:
                break
            place[above] = at
        top[at] = above
        at -= 1
    top[at] = item
    place[item] = at


def forget_items(state: PopularityState, rows: np.ndarray) -> None:
    """Takes expired items out of the counts, and makes the top lists anew."""
    layout = popularity_layout(len(state.total))
    listed = bool((state.place[rows] >= 0).any())
    clear(state, layout, rows)
    if listed:
        for h in range(len(state.total)):
            list_again(state, h)


def list_again(state: PopularityState, h: int) -> None:
    """Makes the top list of a half-life anew from the counts, of equal ones the lower row first."""
    counted = np.flatnonzero(state.value[:, h])
    best = counted[np.argsort(-state.value[counted, h], kind="stable")][:TOP]
    state.top[h] = -1
    state.top[h, : len(best)] = best
    state.place[:, h] = -1
    state.place[best, h] = np.arange(len(best))


@compiled
def _count_all(state: PopularityState, events: Events, weights: np.ndarray) -> None:
    for e in range(len(events.item)):
        weight = weights[events.kind[e]]
        if events.item[e] >= 0 and weight > 0.0:
            count_item(state, events.item[e], events.time_ms[e], weight)


class Popularity(StreamRanker):
    """What everyone wants now: decayed counts per item over several half-lives.

    Use it alone as a baseline and as the answer for a user of whom nothing is known. Learning costs a
    few adds an event; memory is 36 bytes an item and list-place for three half-lives.

    Parameters
    ----------
    half_lives_ms
        After how many milliseconds a count has halved, one ranking each; the first ranks.
    kind_weights
        What a view, a click and a paid order line count.
    seed
        Kept for river's interface; nothing here is random.

    Examples
    --------
    >>> model = Popularity()
    >>> for second, item in enumerate(["tea", "cup", "tea"]):
    ...     model.learn_one("ann", item, True, {"event_time_ms": 1_000 * second})
    >>> model.rank("bob", {"tea", "cup", "pot"})
    ['tea', 'cup', 'pot']
    >>> round(model.predict_one("bob", "tea"), 2)
    0.67
    """

    def __init__(
        self,
        half_lives_ms: tuple[int, ...] = HALF_LIVES_MS,
        kind_weights: tuple[float, float, float] = KIND_WEIGHTS,
        seed: int | None = None,
    ):
        super().__init__(seed)
        self.half_lives_ms = half_lives_ms
        self.kind_weights = kind_weights
        self._layout = popularity_layout(len(half_lives_ms))
        self._state = new_popularity(half_lives_ms, 1)

    def _learn(self, events: Events) -> None:
        self._state = grow(self._state, self._layout, len(self._items))
        _count_all(self._state, events, np.array(self.kind_weights))

    def predict_one(self, user: Any, item: Any, x: dict[str, Any] | None = None) -> float:  # noqa: ARG002
        """The item's share of all decayed counts in the first half-life; 0 for an unknown item."""
        row = self._items.row(item)
        return float(share_of(self._state, 0, row)) if row >= 0 else 0.0
