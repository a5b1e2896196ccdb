"""Candidates and what each part says of them: the union the blend chooses from.

Candidates are the successors and predecessors of the user's last items, those items themselves, and the
top popularity lists; all bounded, so a prediction costs the same however many items there are.
"""

import numpy as np

from online_models.compiled import compiled
from online_models.history import KEPT, HistoryState, back, in_session, kept
from online_models.mix_state import EVER, HOUR_MS, MixSettings, MixState
from online_models.payload import AGAIN, BACK, BLENDED, FLOOR, FRESH, LAST, NEXT, POPULAR, PREV, SHRINK
from online_models.popularity import TOP, PopularityState
from online_models.scratch import Scratch, add_candidate
from online_models.transitions import FAST, SLOTS, SLOW, TransitionState, weight_now


@compiled
def since_hour_of(now_ms: int, availability_ms: int) -> int:
    """Items last seen in this hour or later are available now."""
    return EVER if availability_ms < 0 else (now_ms - availability_ms) // HOUR_MS


@compiled
def gather(scratch: Scratch, state: MixState, user: int, now_ms: int, settings: MixSettings) -> int:
    """Fills in the candidates for the user now; says how many last items it looked at, or could have."""
    lasts = _lasts(state.history, user)
    since = since_hour_of(now_ms, settings.availability_ms)
    hour = state.sight.hour
    slow = SHRINK * weight_now(state.transitions, SLOW, now_ms)
    fast = SHRINK * weight_now(state.transitions, FAST, now_ms)
    for steps in range(min(lasts, settings.reach)):
        before = back(state.history, user, steps)
        if before >= 0:
            near = settings.fall**steps
            shares = _shares(state.transitions, before, near, steps == 0, (slow, fast))
            _add_next(scratch, state.transitions, before, shares, (hour, since))
            _add_prev(scratch, state.transitions, before, shares[3], (hour, since))
    if user >= 0:
        _add_history(scratch, state.history, user, (hour, since))
    _add_popularity(scratch, state.popularity, BLENDED if lasts > 0 else TOP, (hour, since))
    _to_roots(scratch)
    return lasts


@compiled
def _lasts(history: HistoryState, user: int) -> int:
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
                x[POPULAR + h, add_candidate(places, found, size, item)] = value[item, h] / totals[h]


@compiled
def _to_roots(scratch: Scratch) -> None:
    for f in range(scratch.x.shape[0]):
        if f not in (AGAIN, BACK):
            row = scratch.x[f]
            for c in range(scratch.size[0]):
                row[c] = np.sqrt(np.sqrt(1.0 + row[c] / FLOOR)) - 1.0
