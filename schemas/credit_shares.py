"""How each attribution model splits a whole number over the touches of a line, to the unit.

The writer sums these shares up and readers derive a line's own from its touches: the same arithmetic, so the same
shares. Everything is by largest remainder, ties to the earlier touch, so that shares sum to what is split. Sums and
products of whole numbers, and of float64 in a stated order without the platform's power function, so that they are the
same everywhere. Cost: about 0.1 µs a touch and model.

>>> ages, paid = np.array([7 * 86_400_000, 0]), np.array([False, False])
>>> shares(TIME_DECAY, 100, ages, paid, 7 * 86_400_000).tolist(), shares(LAST_TOUCH, 9, ages, paid, 1).tolist()
([33, 67], [0, 9])
>>> shares(POSITION, 101, np.array([3, 2, 1]), np.zeros(3, np.bool_), 1).tolist()
[41, 20, 40]
"""

# mypy: allow-untyped-defs, allow-incomplete-defs

import numpy as np

from schemas.attribution import CLICKED, PAID, SAME_SESSION
from schemas.kernels import kernel
from schemas.metrics import TOUCH_MODELS

LAST_TOUCH, LINEAR, FIRST_TOUCH, LAST_PAID_TOUCH, TIME_DECAY, POSITION = range(len(TOUCH_MODELS))

_LN2 = 0.6931471805599453
_TERMS = 22
"""Of the exponential series: the rest is below the last bit of a float64 for exponents up to ln 2."""


@kernel
def is_within(age_ms, flags, clicks_ms, views_ms, in_room):
    """Whether a window counts a touch of this age, which the widest window does."""
    if in_room and not flags & SAME_SESSION:
        return False
    return 0 <= age_ms <= (clicks_ms if flags & CLICKED else views_ms)


@kernel
def halved(times):
    """Return 2 to the power of minus `times` >= 0, the same bits on every machine: the exponential series by Horner."""
    whole = int(times)
    exponent = -(times - whole) * _LN2
    value = 1.0
    for term in range(_TERMS, 0, -1):
        value = 1.0 + value * exponent / term
    for _ in range(min(whole, 1100)):
        value *= 0.5
    return value


@kernel
def _hand_out(left, remainders, out):
    """Give what is left to the largest remainders, one unit each, ties to the earlier."""
    if left == 0:
        return
    order = np.argsort(-remainders, kind="mergesort")
    for place in range(abs(left)):
        if left > 0:
            out[order[place % len(order)]] += 1
        else:
            out[order[len(order) - 1 - place % len(order)]] -= 1


@kernel
def _by_decay(total, ages, half_life_ms, out):
    """Weights 2^(-age / half-life), relative to the latest touch's: only their proportions count."""
    count = len(out)
    weights = np.empty(count, np.float64)
    sum_of_weights = 0.0
    for i in range(count):
        weights[i] = halved((ages[i] - ages[count - 1]) / half_life_ms)
        sum_of_weights += weights[i]
    left = total
    for i in range(count):
        exact = total * weights[i] / sum_of_weights
        out[i] = int(np.floor(exact))
        weights[i] = exact - out[i]
        left -= out[i]
    _hand_out(left, weights, out)


@kernel
def _by_position(total, out):
    """40 % each to the first and the last, 20 % in equal parts to those between; in whole weights, so exactly."""
    count = len(out)
    if count < 3:
        _equally(total, out)
        return
    end = 2 * (count - 2)
    whole = 5 * (count - 2)
    rounds, rest = total // whole, total % whole
    remainders = np.empty(count, np.float64)
    left = total
    for i in range(count):
        weight = end if i == 0 or i == count - 1 else 1
        out[i] = rounds * weight + rest * weight // whole
        remainders[i] = rest * weight % whole
        left -= out[i]
    _hand_out(left, remainders, out)


@kernel
def _equally(total, out):
    count = len(out)
    for i in range(count):
        out[i] = total // count + (1 if i < total % count else 0)


@kernel
def split(model, total, ages, paid, half_life_ms, out):
    """Write each touch's share of `total` >= 0 to `out`; touches, at least one, stand in order of time."""
    last = len(out) - 1
    if model == LINEAR:
        _equally(total, out)
    elif model == TIME_DECAY:
        _by_decay(total, ages, half_life_ms, out)
    elif model == POSITION:
        _by_position(total, out)
    else:
        winner = last
        if model == FIRST_TOUCH:
            winner = 0
        elif model == LAST_PAID_TOUCH:
            for i in range(len(out)):
                if paid[i]:
                    winner = i
        out[:] = 0
        out[winner] = total


@kernel
def shares(model, total, ages, paid, half_life_ms):
    """Return each touch's share of `total`."""
    out = np.empty(len(ages), np.int64)
    split(model, total, ages, paid, half_life_ms, out)
    return out


@kernel
def line_shares(model, nets, counts, ages, flags, rule):
    """Return what lines give under one model in one window: line, touch (-1 for none), share; shares of 0 are left out.

    `counts` says how many of the touches, one line's after another's, are each line's; `rule` is clicks, views,
    in-room, half-life.
    """
    found = np.empty((len(ages) + len(nets), 3), np.int64)
    used = begin = 0
    longest = max(counts.max(), 1) if len(counts) else 1
    chosen, chosen_ages = np.empty(longest, np.int64), np.empty(longest, np.int64)
    paid, out = np.empty(longest, np.bool_), np.empty(longest, np.int64)
    for line in range(len(nets)):
        count = 0
        for touch in range(begin, begin + counts[line]):
            if is_within(ages[touch], flags[touch], rule[0], rule[1], rule[2] != 0):
                chosen[count], chosen_ages[count], paid[count] = touch, ages[touch], flags[touch] & PAID != 0
                count += 1
        begin += counts[line]
        if count == 0:
            chosen[0], chosen_ages[0], paid[0] = -1, 0, False
        shown = max(count, 1)
        split(model, nets[line], chosen_ages[:shown], paid[:shown], rule[3], out[:shown])
        for k in range(shown):
            if out[k]:
                found[used, 0], found[used, 1], found[used, 2] = line, chosen[k], out[k]
                used += 1
    return found[:used]
