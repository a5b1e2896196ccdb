"""What is two steps away: beside the neighbours of the last items, where direct steps are rare."""

import numpy as np

from online_models.compiled import compiled
from online_models.history import HistoryState, back
from online_models.payload import HOP
from online_models.scratch import HOPS, Scratch, add_candidate
from online_models.transitions import TransitionState

FROM_LAST = 2
"""Of how many last items."""

FALL = 0.5
"""How much less each further step back counts, in (0, 1]."""


@compiled
def add_hops(
    scratch: Scratch,
    transitions: TransitionState,
    history: HistoryState,
    who: tuple[int, int, float],
    sight: tuple[np.ndarray, int],
) -> None:
    """Adds the share that two steps lead to each item; `who`: user, last items, what shrinks shares."""
    user, lasts, shrink = who
    for steps in range(min(lasts, FROM_LAST)):
        item = back(history, user, steps)
        if item < 0:
            continue
        after = FALL**steps / (transitions.next_total[item, 0] + shrink)
        before = FALL**steps / (transitions.prev_total[item] + shrink)
        for s in range(HOPS):
            beside = transitions.next_item[item, s]
            if beside < 0:
                break
            _hop(scratch, transitions, (beside, shrink, after * transitions.next_weight[item, s, 0]), sight)
        for s in range(HOPS):
            beside = transitions.prev_item[item, s]
            if beside < 0:
                break
            _hop(scratch, transitions, (beside, shrink, before * transitions.prev_weight[item, s]), sight)


@compiled
def _hop(
    scratch: Scratch,
    transitions: TransitionState,
    via: tuple[int, float, float],
    sight: tuple[np.ndarray, int],
) -> None:
    item, shrink, share = via
    hour, since = sight
    places, found, x, size = scratch.place, scratch.item, scratch.x, scratch.size
    after = share / (transitions.next_total[item, 0] + shrink)
    for s in range(HOPS):
        beside = transitions.next_item[item, s]
        if beside < 0:
            break
        if hour[beside] >= since:
            x[HOP, add_candidate(places, found, size, beside)] += after * transitions.next_weight[item, s, 0]
    before = share / (transitions.prev_total[item] + shrink)
    for s in range(HOPS):
        beside = transitions.prev_item[item, s]
        if beside < 0:
            break
        if hour[beside] >= since:
            x[HOP, add_candidate(places, found, size, beside)] += before * transitions.prev_weight[item, s]
