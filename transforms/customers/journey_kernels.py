"""The inner loops of the journey book: when users first came to each stage of a category, and which moves that makes."""

from typing import Final

import numpy as np

from schemas.kernels import kernel

STAGES: Final = 4
KNOWN: Final = 0
INTERESTED: Final = 1
ORDERED: Final = 2
REPURCHASED: Final = 3

NEVER_MS: Final = np.iinfo(np.int64).max
NO_TIME: Final = -1
"""How long a first move took: there was nothing before."""
MINUTE_MS: Final = 60_000
NO_STEP: Final = -1


@kernel
def _touched(row, stages, marks, changed, before, used):
    """Remember how a row was before its first change."""
    if marks[row] == 0:
        marks[row] = 1
        changed[used] = row
        for stage in range(STAGES):
            before[used, stage] = stages[stage][row]
        used += 1
    return used


@kernel
def see(rows, clicks, times, stages, marks, changed, before, used):
    """Take views and clicks; returns how many rows have changed."""
    for i in range(len(rows)):
        row, stage = rows[i], INTERESTED if clicks[i] else KNOWN
        if times[i] < stages[stage][row]:
            used = _touched(row, stages, marks, changed, before, used)
            stages[stage][row] = times[i]
    return used


@kernel
def buy(rows, orders, times, stages, first, second, marks, changed, before, used):
    """Take payments; returns how many rows have changed.

    The two earliest orders are known by their hashes. Any other can only become one of them by an earlier payment,
    so that nothing need be known of it.
    """
    ordered, repurchased = stages[ORDERED], stages[REPURCHASED]
    for i in range(len(rows)):
        row, order, time = rows[i], orders[i], times[i]
        is_first, is_second = first[row] == order, second[row] == order
        if time >= (ordered[row] if is_first else repurchased[row]):
            continue
        used = _touched(row, stages, marks, changed, before, used)
        if is_first:
            ordered[row] = time
            continue
        repurchased[row] = time
        if not is_second:
            second[row] = order
        if time < ordered[row]:
            ordered[row], repurchased[row] = time, ordered[row]
            first[row], second[row] = second[row], first[row]
    return used


@kernel
def _moves(reached, steps, step, took):
    """Write which step leads to each stage and how long it took; a stage that was passed has none.

    A stage is entered unless a farther one was reached before it.
    """
    passed = NEVER_MS
    for stage in range(STAGES - 1, -1, -1):
        step[stage] = 0 if reached[stage] != NEVER_MS and reached[stage] <= passed else NO_STEP
        passed = min(passed, reached[stage])
    origin = -1
    for stage in range(STAGES):
        if step[stage] == NO_STEP:
            continue
        step[stage] = steps[origin + 1, stage]
        took[stage] = reached[stage] - reached[origin] if origin >= 0 else NO_TIME
        origin = stage


@kernel
def tell(rows, before, stages, steps, out):
    """Write of each changed row the moves that are no more and those that are new; returns how many there are.

    A move is the row, the step, its minute, how long it took, and -1 or 1.
    """
    now, used = np.empty(STAGES, np.int64), 0
    step_before, step_now = np.empty(STAGES, np.int64), np.empty(STAGES, np.int64)
    took_before, took_now = np.full(STAGES, NO_TIME, np.int64), np.full(STAGES, NO_TIME, np.int64)
    for i in range(len(rows)):
        for stage in range(STAGES):
            now[stage] = stages[stage][rows[i]]
        _moves(before[i], steps, step_before, took_before)
        _moves(now, steps, step_now, took_now)
        for stage in range(STAGES):
            is_same = step_before[stage] == step_now[stage] and took_before[stage] == took_now[stage]
            if is_same and before[i, stage] == now[stage]:
                continue
            if step_before[stage] != NO_STEP:
                out[used] = (
                    rows[i],
                    step_before[stage],
                    before[i, stage] // MINUTE_MS,
                    took_before[stage],
                    -1,
                )
                used += 1
            if step_now[stage] != NO_STEP:
                out[used] = (rows[i], step_now[stage], now[stage] // MINUTE_MS, took_now[stage], 1)
                used += 1
    return used
