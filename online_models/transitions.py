"""Transitions: what was taken after what, in the same session, decayed.

Each item has a bounded list of the items that came after it and one of those that came before, each
weighted by how many steps lay between (sequential rules: Kamehkhosh, Jannach, Ludewig, "A Comparison of
Frequent Pattern Techniques and a Deep Learning Method for Session-Based Recommendation", 2017).
"""

from typing import Any, NamedTuple

import numpy as np

from online_models.compiled import compiled
from online_models.decay import UNSET_MS, growth, overdue
from online_models.events import CLICK, Events
from online_models.history import HISTORY, HistoryState, back, enter, in_session, new_history, push
from online_models.state import Column, Layout, allocate, capacity, clear, grow
from online_models.stream_ranker import StreamRanker

SLOTS = 50
"""Successors (and predecessors) kept an item: all that serving gets, so what is learned is what is served."""

ALL, LAST, FRESH = 0, 1, 2
"""A successor's weights: at any distance; as the very next step; at any distance with a short half-life."""

SLOW, FAST = 0, 1
HOUR_MS = 3_600_000
HALF_LIVES_MS = (72 * HOUR_MS, HOUR_MS)
REACH = 5
FALL = 0.5


class TransitionState(NamedTuple):
    """Successors and predecessors of each item with forward-decayed weights, and the rows' totals."""

    next_item: np.ndarray
    next_weight: np.ndarray
    next_total: np.ndarray
    prev_item: np.ndarray
    prev_weight: np.ndarray
    prev_total: np.ndarray
    landmark_ms: np.ndarray
    half_life_ms: np.ndarray


TRANSITIONS: Layout = {
    "next_item": Column(np.int32, (SLOTS,), -1),
    "next_weight": Column(np.float32, (SLOTS, 3)),
    "next_total": Column(np.float64, (3,)),
    "prev_item": Column(np.int32, (SLOTS,), -1),
    "prev_weight": Column(np.float32, (SLOTS,)),
    "prev_total": Column(np.float64),
    "landmark_ms": Column(np.int64, (2,), UNSET_MS, per_id=False),
    "half_life_ms": Column(np.float64, (2,), per_id=False),
}


def new_transitions(half_lives_ms: tuple[int, int], rows: int) -> TransitionState:
    """A state that has seen nothing."""
    state = allocate(TransitionState, TRANSITIONS, rows)
    state.half_life_ms[:] = half_lives_ms
    return state


@compiled
def learn_step(
    state: TransitionState, history: HistoryState, user: int, item: int, step: tuple[int, int, float]
) -> None:
    """Learns that the user came to `item` from their last ones of the session; `step`: now, reach, fall."""
    now_ms, reach, fall = step
    slow, fast = advance(state, now_ms)
    for steps in range(min(in_session(history, user), reach)):
        before = back(history, user, steps)
        if before < 0:
            continue
        near = fall**steps
        gains = (slow * near, slow if steps == 0 else 0.0, fast * near)
        _add_next(state.next_item[before], state.next_weight[before], item, gains)
        _add_totals(state.next_total[before], gains)
        if before != item:
            _add_prev(state.prev_item[item], state.prev_weight[item], before, slow * near)
            state.prev_total[item] += slow * near


@compiled
def advance(state: TransitionState, now_ms: int) -> tuple[float, float]:
    """What a step now weighs, slow and fast fading; brings weights down where they grew too large."""
    for h in range(2):
        if state.landmark_ms[h] == UNSET_MS:
            state.landmark_ms[h] = now_ms
        shift = overdue(now_ms, state.landmark_ms[h], state.half_life_ms[h])
        if shift > 0.0:
            _bring_down(state, h, shift)
    return weight_now(state, SLOW, now_ms), weight_now(state, FAST, now_ms)


@compiled
def weight_now(state: TransitionState, speed: int, now_ms: int) -> float:
    """What one step at `now_ms` weighs."""
    if state.landmark_ms[speed] == UNSET_MS:
        return 1.0
    return growth(now_ms, state.landmark_ms[speed], state.half_life_ms[speed])


@compiled
def _bring_down(state: TransitionState, h: int, shift: float) -> None:
    factor = np.exp2(-shift)
    first, last = (FRESH, FRESH) if h == FAST else (ALL, LAST)
    for item in range(len(state.next_total)):
        for kind in range(first, last + 1):
            state.next_total[item, kind] *= factor
            for s in range(SLOTS):
                state.next_weight[item, s, kind] *= np.float32(factor)
        if h == SLOW:
            state.prev_total[item] *= factor
            for s in range(SLOTS):
                state.prev_weight[item, s] *= np.float32(factor)
    state.landmark_ms[h] += np.int64(shift * state.half_life_ms[h])


@compiled
def _add_next(items: np.ndarray, weights: np.ndarray, item: int, gains: tuple[float, float, float]) -> None:
    slot = _slot(items, weights[:, ALL], item)
    if items[slot] != item:
        items[slot] = item
        weights[slot] = 0.0
    for kind in range(3):
        weights[slot, kind] += np.float32(gains[kind])


@compiled
def _add_totals(totals: np.ndarray, gains: tuple[float, float, float]) -> None:
    for kind in range(3):
        totals[kind] += gains[kind]


@compiled
def _add_prev(items: np.ndarray, weights: np.ndarray, before: int, gain: float) -> None:
    slot = _slot(items, weights, before)
    if items[slot] != before:
        items[slot] = before
        weights[slot] = 0.0
    weights[slot] += np.float32(gain)


@compiled
def _slot(items: np.ndarray, weights: np.ndarray, wanted: int) -> int:
    """Where `wanted` stands; else the first free slot; else the lightest, which has to go."""
    lightest = 0
    for s in range(SLOTS):
        if items[s] == wanted or items[s] < 0:
            return s
        if weights[s] < weights[lightest]:
            lightest = s
    return lightest


def forget_items(state: TransitionState, gone: np.ndarray) -> np.ndarray:
    """Takes expired items (`gone` by item row) out of everything; says which other rows changed."""
    rows = np.flatnonzero(gone)
    clear(state, TRANSITIONS, rows)
    changed = np.zeros(capacity(state, TRANSITIONS), np.bool_)
    for items, weights in ((state.next_item, state.next_weight), (state.prev_item, state.prev_weight)):
        for row in np.flatnonzero(((items >= 0) & gone[items]).any(axis=1)):
            _close_gaps(items[row], weights[row], gone)
            changed[row] = True
    return changed


def _close_gaps(items: np.ndarray, weights: np.ndarray, gone: np.ndarray) -> None:
    keep = np.flatnonzero((items >= 0) & ~gone[items])
    items[: len(keep)], weights[: len(keep)] = items[keep], weights[keep]
    items[len(keep) :], weights[len(keep) :] = -1, 0


@compiled
def _learn_all(
    state: TransitionState, history: HistoryState, events: Events, reach: int, fall: float
) -> None:
    for e in range(len(events.item)):
        user, item, now_ms = events.user[e], events.item[e], events.time_ms[e]
        if user < 0:
            continue
        enter(history, user, now_ms, events.session[e])
        if item >= 0 and events.kind[e] >= CLICK:
            learn_step(state, history, user, item, (now_ms, reach, fall))
            push(history, user, item, now_ms)


@compiled
def _share_after(state: TransitionState, before: int, item: int) -> float:
    total = state.next_total[before, ALL]
    for s in range(SLOTS):
        if state.next_item[before, s] == item and total > 0.0:
            return state.next_weight[before, s, ALL] / total
    return 0.0


class Transitions(StreamRanker):
    """What tends to come next after the user's last items.

    Use it where sessions have a direction: shop and article clicks. Learning costs `reach` scans of 50
    slots a click; memory is 1.3 kB an item.

    Parameters
    ----------
    half_lives_ms
        After how many milliseconds a step counts half: for lasting habits, and for fresh ones.
    reach
        How many steps back are learned from and ranked from.
    fall
        How much less each further step back counts, in (0, 1].
    seed
        Kept for river's interface; nothing here is random.

    Examples
    --------
    >>> model = Transitions()
    >>> for user in ("ann", "bob"):
    ...     model.learn_one(user, "kettle")
    ...     model.learn_one(user, "tea")
    >>> model.learn_one("cy", "kettle")
    >>> model.rank("cy", {"tea", "kettle", "soap"})
    ['tea', 'kettle', 'soap']
    """

    def __init__(
        self,
        half_lives_ms: tuple[int, int] = HALF_LIVES_MS,
        reach: int = REACH,
        fall: float = FALL,
        seed: int | None = None,
    ):
        super().__init__(seed)
        self.half_lives_ms = half_lives_ms
        self.reach = reach
        self.fall = fall
        self._state = new_transitions(half_lives_ms, 1)
        self._history = new_history(1)

    def _learn(self, events: Events) -> None:
        self._state = grow(self._state, TRANSITIONS, len(self._items))
        self._history = grow(self._history, HISTORY, len(self._users))
        _learn_all(self._state, self._history, events, self.reach, self.fall)

    def predict_one(self, user: Any, item: Any, x: dict[str, Any] | None = None) -> float:  # noqa: ARG002
        """The distance-weighted share of the item after the user's last ones; 0 where nothing is known."""
        who, row = self._users.row(user), self._items.row(item)
        if who < 0 or row < 0:
            return 0.0
        steps = range(min(int(in_session(self._history, who)), self.reach))
        lasts = [int(back(self._history, who, step)) for step in steps]
        return float(sum(self.fall**n * _share_after(self._state, last, row) for n, last in enumerate(lasts)))
