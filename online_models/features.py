"""Candidates and what each part says of them: the union the blend chooses from.

Candidates are the successors and predecessors of the user's last items, those items themselves, and the
top popularity lists; all bounded, so a prediction costs the same however many items there are.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from online_models.history import KEPT, back, in_session, kept
from online_models.payload import AGAIN, BACK, FLOOR, FRESH, LAST, NEXT, POPULAR, POPULAR_FLOOR, PREV, SHRINK
from online_models.popularity import TOP
from online_models.transitions import FAST, SLOTS, SLOW, weight_now

HOUR_MS = 3_600_000
EVER = np.iinfo(np.int64).min
"""`since_hour` where every item ever seen is available."""


class Scratch(NamedTuple):
    """Working room of one prediction: where each item stands among the candidates, and their features."""

    place: np.ndarray
    item: np.ndarray
    x: np.ndarray
    score: np.ndarray


def new_scratch(rows: int, half_lives: int, reach: int) -> Scratch:
    """Room for `rows` items; `place` is -1 throughout between predictions."""
    most = 2 * reach * SLOTS + half_lives * TOP + KEPT
    return Scratch(
        np.full(rows, -1, np.int32),
        np.zeros(most, np.int32),
        np.zeros((POPULAR + half_lives, most)),
        np.zeros(most),
    )


@njit(cache=True, nogil=True)
def gather(scratch, history, transitions, popularity, seen_hour, user, now_ms, since_hour, reach, fall):
    """Fills in the candidates for the user now; says how many there are and how many last items count."""
    count = 0
    lasts = _lasts(history, user)
    count = _from_transitions(
        scratch, count, history, transitions, seen_hour, user, now_ms, since_hour, min(lasts, reach), fall
    )
    count = _from_history(scratch, count, history, seen_hour, user, since_hour)
    count = _from_popularity(scratch, count, popularity, seen_hour, since_hour)
    _to_logs(scratch, count, popularity)
    return count, lasts


@njit(cache=True, nogil=True)
def release(scratch, count):
    """Leaves the scratch as it was before `gather`."""
    for c in range(count):
        scratch.place[scratch.item[c]] = -1
    scratch.x[:, :count] = 0.0


@njit(cache=True, nogil=True)
def _lasts(history, user):
    if user < 0:
        return 0
    inside = in_session(history, user)
    return inside if inside > 0 else kept(history, user)


@njit(cache=True, nogil=True)
def _candidate(scratch, count, item):
    place = scratch.place[item]
    if place >= 0:
        return place, count
    scratch.place[item] = count
    scratch.item[count] = item
    return count, count + 1


@njit(cache=True, nogil=True)
def _from_transitions(
    scratch, count, history, transitions, seen_hour, user, now_ms, since_hour, steps_back, fall
):
    x = scratch.x
    slow = SHRINK * weight_now(transitions, SLOW, now_ms)
    fast = SHRINK * weight_now(transitions, FAST, now_ms)
    for steps in range(steps_back):
        before = back(history, user, steps)
        if before < 0:
            continue
        near = fall**steps
        total = transitions.next_total[before]
        every = near / (total[0] + slow)
        fresh = near / (total[2] + fast)
        last = 1.0 / (total[1] + slow) if steps == 0 else 0.0
        for s in range(SLOTS):
            item = transitions.next_item[before, s]
            if item < 0:
                break
            if seen_hour[item] < since_hour:
                continue
            c, count = _candidate(scratch, count, item)
            weight = transitions.next_weight[before, s]
            x[NEXT, c] += every * weight[0]
            x[LAST, c] += last * weight[1]
            x[FRESH, c] += fresh * weight[2]
        came = near / (transitions.prev_total[before] + slow)
        for s in range(SLOTS):
            item = transitions.prev_item[before, s]
            if item < 0:
                break
            if seen_hour[item] < since_hour:
                continue
            c, count = _candidate(scratch, count, item)
            x[PREV, c] += came * transitions.prev_weight[before, s]
    return count


@njit(cache=True, nogil=True)
def _from_history(scratch, count, history, seen_hour, user, since_hour):
    if user < 0:
        return count
    for steps in range(kept(history, user)):
        item = back(history, user, steps)
        if item < 0 or seen_hour[item] < since_hour:
            continue
        c, count = _candidate(scratch, count, item)
        if steps == 0:
            scratch.x[AGAIN, c] = 1.0
        elif scratch.x[AGAIN, c] == 0.0 and scratch.x[BACK, c] == 0.0:
            scratch.x[BACK, c] = 1.0 / steps
    return count


@njit(cache=True, nogil=True)
def _from_popularity(scratch, count, popularity, seen_hour, since_hour):
    for h in range(len(popularity.total)):
        if popularity.total[h] <= 0.0:
            continue
        for p in range(TOP):
            item = popularity.top[h, p]
            if item < 0:
                break
            if seen_hour[item] < since_hour:
                continue
            c, count = _candidate(scratch, count, item)
            scratch.x[POPULAR + h, c] = popularity.value[item, h] / popularity.total[h]
    return count


@njit(cache=True, nogil=True)
def _to_logs(scratch, count, popularity):
    x = scratch.x
    for f in range(AGAIN):
        for c in range(count):
            if x[f, c] > 0.0:
                x[f, c] = np.log1p(x[f, c] / FLOOR)
    for h in range(len(popularity.total)):
        for c in range(count):
            if x[POPULAR + h, c] > 0.0:
                x[POPULAR + h, c] = np.log1p(x[POPULAR + h, c] / POPULAR_FLOOR)
