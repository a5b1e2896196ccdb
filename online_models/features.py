"""Candidates and what each part says of them: the union the blend chooses from.

Candidates are the successors and predecessors of the user's last items and what is beside those, the items
of sessions alike, the last items themselves, and the top popularity lists; all bounded, so a prediction
costs the same however many items there are.
"""

import numpy as np

from online_models.blend import SUPPORTS
from online_models.compiled import compiled
from online_models.history import KEPT, HistoryState, back, in_session, kept
from online_models.hops import add_hops
from online_models.mix_state import EVER, HOUR_MS, MixSettings, MixState
from online_models.neighbours import add_neighbours
from online_models.payload import (
    AGAIN,
    BACK,
    FRESH,
    LAST,
    NEAR,
    NEIGHBOURS,
    NEXT,
    POPULAR,
    POPULARITY,
    PREV,
    REPEATS,
    ROOM,
    TRANSITIONS,
)
from online_models.popularity import TOP, PopularityState
from online_models.rooms import add_on_sale
from online_models.scratch import ONE, Scratch, add_candidate
from online_models.transitions import FAST, SLOTS, SLOW, TransitionState, weight_now

SHRINK = 5.0
"""Steps that every item is credited with beside those seen, so that rare items promise little."""

FLOOR = 1e-3
"""Shares below this are as good as none: a feature is the fourth root of (1 + share / floor), less 1."""

BLENDED = 50
"""Places of each popularity list that are candidates beside a user's own; all are where nothing is known."""


@compiled
def since_hour_of(now_ms: int, availability_ms: int) -> int:
    """Items last seen in this hour or later are available now."""
    return EVER if availability_ms < 0 else (now_ms - availability_ms) // HOUR_MS


@compiled
def gather(
    scratch: Scratch, state: MixState, who: tuple[int, int], now_ms: int, settings: MixSettings
) -> int:
    """Fills in the candidates for a user in a room now; says how many last items it looked at, or could have."""
    user, room = who
    lasts, use = lasts_of(state.history, user), settings.use
    sight = (state.sight.hour, since_hour_of(now_ms, settings.availability_ms))
    near = min(lasts, settings.reach)
    if use[ROOM] and room >= 0:
        add_on_sale(scratch, state.rooms, room, now_ms, sight)
        scratch.size[1] = scratch.size[0]
    if use[TRANSITIONS]:
        _add_transitions(scratch, state, (user, near, now_ms), settings.fall, sight)
    if use[REPEATS] and user >= 0:
        _add_history(scratch, state.history, user, sight)
    if use[NEIGHBOURS] and near > 0:
        own = state.visits.number[user] if in_session(state.history, user) > 0 else -1
        states = (state.history, state.seen, state.sessions)
        add_neighbours(scratch, states, (user, own, near, now_ms), sight, NEAR)
    if use[POPULARITY]:
        _add_popularity(scratch, state.popularity, BLENDED if lasts > 0 else TOP, sight)
    _to_roots(scratch)
    return lasts


@compiled
def _add_transitions(
    scratch: Scratch, state: MixState, who: tuple[int, int, int], fall: float, sight: tuple[np.ndarray, int]
) -> None:
    user, lasts, now_ms = who
    slow = SHRINK * weight_now(state.transitions, SLOW, now_ms)
    fast = SHRINK * weight_now(state.transitions, FAST, now_ms)
    for steps in range(lasts):
        before = back(state.history, user, steps)
        if before >= 0:
            shares = _shares(state.transitions, before, fall**steps, steps == 0, (slow, fast))
            _add_next(scratch, state.transitions, before, shares, sight)
            _add_prev(scratch, state.transitions, before, shares[3], sight)
    add_hops(scratch, state.transitions, state.history, (user, lasts, slow), sight)


@compiled
def support_of(state: MixState, user: int, lasts: int, now_ms: int) -> int:
    """How many steps from the user's last item are known, by powers of two; 0 where there is none."""
    last = back(state.history, user, 0) if lasts > 0 else -1
    if last < 0:
        return 0
    steps = state.transitions.next_total[last, NEXT] / weight_now(state.transitions, SLOW, now_ms)
    return min(SUPPORTS - 1, int(np.log2(1.0 + steps)))


@compiled
def lasts_of(history: HistoryState, user: int) -> int:
    """How many last items count: those of this session, or else all that are kept."""
    if user < 0:
        return 0
    inside = in_session(history, user)
    return inside if inside > 0 else kept(history, user)


@compiled
def _shares(
    transitions: TransitionState, before: int, near: float, latest: bool, shrinks: tuple[float, float]
) -> tuple[float, float, float, float]:
    """What one unit of each weight in the item's row is worth."""
    slow, fast = shrinks
    total = transitions.next_total[before]
    last = 1.0 / (total[LAST] + slow) if latest else 0.0
    came = near / (transitions.prev_total[before] + slow)
    return near / (total[NEXT] + slow), last, near / (total[FRESH] + fast), came


@compiled
def _add_next(
    scratch: Scratch,
    transitions: TransitionState,
    before: int,
    shares: tuple[float, float, float, float],
    sight: tuple[np.ndarray, int],
) -> None:
    hour, since = sight
    every, last, fresh, _ = shares
    places, found, x, size = scratch.place, scratch.item, scratch.x, scratch.size
    items, weights = transitions.next_item[before], transitions.next_weight[before]
    for s in range(SLOTS):
        item = items[s]
        if item < 0:
            break
        if hour[item] >= since:
            c = add_candidate(places, found, size, item)
            x[NEXT, c] += every * weights[s, NEXT]
            x[LAST, c] += last * weights[s, LAST]
            x[FRESH, c] += fresh * weights[s, FRESH]


@compiled
def _add_prev(
    scratch: Scratch, transitions: TransitionState, before: int, came: float, sight: tuple[np.ndarray, int]
) -> None:
    hour, since = sight
    places, found, x, size = scratch.place, scratch.item, scratch.x, scratch.size
    items, weights = transitions.prev_item[before], transitions.prev_weight[before]
    for s in range(SLOTS):
        item = items[s]
        if item < 0:
            break
        if hour[item] >= since:
            x[PREV, add_candidate(places, found, size, item)] += came * weights[s]


@compiled
def _add_history(scratch: Scratch, history: HistoryState, user: int, sight: tuple[np.ndarray, int]) -> None:
    hour, since = sight
    places, found, x, size = scratch.place, scratch.item, scratch.x, scratch.size
    items, length = history.item[user], history.length[user]
    for steps in range(min(length, KEPT)):
        item = items[(length - 1 - steps) % KEPT]
        if item < 0 or hour[item] < since:
            continue
        c = add_candidate(places, found, size, item)
        if steps == 0:
            x[AGAIN, c] = 1.0
        elif x[AGAIN, c] == 0.0 and x[BACK, c] == 0.0:
            x[BACK, c] = 1.0 / steps


@compiled
def _add_popularity(
    scratch: Scratch, popularity: PopularityState, listed: int, sight: tuple[np.ndarray, int]
) -> None:
    hour, since = sight
    places, found, x, size = scratch.place, scratch.item, scratch.x, scratch.size
    value, top, totals = popularity.value, popularity.top, popularity.total
    for h in range(len(totals)):
        for p in range(listed if totals[h] > 0.0 else 0):
            item = top[h, p]
            if item < 0:
                break
            if hour[item] >= since:
                add_candidate(places, found, size, item)
    for h in range(len(totals)):
        share = 1.0 / totals[h] if totals[h] > 0.0 else 0.0
        for c in range(size[0]):
            x[POPULAR + h, c] = value[found[c], h] * share


@compiled
def _to_roots(scratch: Scratch) -> None:
    for f in range(scratch.x.shape[0]):
        if f not in (AGAIN, BACK):
            row = scratch.x[f]
            for c in range(scratch.size[0]):
                row[c] = np.sqrt(np.sqrt(ONE + row[c] / np.float32(FLOOR))) - ONE
