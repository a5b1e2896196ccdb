"""The inner loops of attribution: which touches a line may credit, and integer shares of its net amount."""

from typing import Final

import numpy as np
from numba import njit

LAST_TOUCH: Final = 0
LINEAR: Final = 1
MODELS: Final = 2

CLEAN: Final = 0
AMOUNT_CHANGED: Final = 1
TOUCHES_CHANGED: Final = 2

MINUTE_MS: Final = 60_000


@njit(cache=True, nogil=True, inline="always")
def is_eligible(
    touch_time, touch_click, touch_place, touch_merchant, pay_time, place, merchant, clicks_ms, views_ms
):
    """Same room and session, or same merchant's item; not after the payment, not older than the window."""
    age = pay_time - touch_time
    if age < 0 or age > (clicks_ms if touch_click else views_ms):
        return False
    same_place = place != 0 and touch_place == place
    return same_place or (merchant != 0 and touch_merchant == merchant)


@njit(cache=True, nogil=True)
def link_lines(first, users, following, heads):
    """Chain new lines to their users, newest first."""
    for line in range(first, len(users)):
        following[line] = heads[users[line]]
        heads[users[line]] = line


@njit(cache=True, nogil=True)
def note_payments(users, pay_times, latest):
    """Keep each user's latest payment: no touch after it changes any line."""
    for i in range(len(users)):
        latest[users[i]] = max(latest[users[i]], pay_times[i])


@njit(cache=True, nogil=True)
def disturb_lines(
    users, times, clicks, places, merchants, line_heads, latest, lines, dirty, clicks_ms, views_ms
):
    """Mark the lines that a new touch changes: those it is eligible for."""
    line_next, pay_time, line_place, line_merchant = lines
    for i in range(len(users)):
        if times[i] > latest[users[i]]:
            continue
        at = line_heads[users[i]]
        while at >= 0:
            if is_eligible(
                times[i], clicks[i], places[i], merchants[i],
                pay_time[at], line_place[at], line_merchant[at], clicks_ms, views_ms,
            ):  # fmt: skip
                dirty[at] = TOUCHES_CHANGED
            at = line_next[at]


@njit(cache=True, nogil=True)
def share(model, total, count, position):
    """Return one touch's share of an integer: remainders of equal shares go to the earlier touches."""
    if model == LAST_TOUCH:
        return total if position == count - 1 else 0
    extra = 1 if position < total % count else 0
    return total // count + extra


@njit(cache=True, nogil=True)
def book(line_rows, pin_start, pin_count, pin_channel, pay_time, net, micro, sign, direct, out, used):
    """Emit what each line gives to each channel under each model; `sign` -1 takes it back."""
    for i in range(len(line_rows)):
        line = line_rows[i]
        minute = pay_time[line] // MINUTE_MS
        count = max(pin_count[line], 1)
        for model in range(MODELS):
            for position in range(count):
                out[used, 0] = model
                out[used, 1] = pin_channel[pin_start[line] + position] if pin_count[line] else direct
                out[used, 2] = minute
                out[used, 3] = sign * share(model, net[line], count, position)
                out[used, 4] = sign * share(model, micro[line], count, position)
                used += 1
    return used


@njit(cache=True, nogil=True)
def shares_of(model, net, counts):
    """Return the shares of every line's net amount under one model, one line after another."""
    total = 0
    for i in range(len(counts)):
        total += max(counts[i], 1)
    out = np.empty(total, np.int64)
    at = 0
    for i in range(len(counts)):
        count = max(counts[i], 1)
        for position in range(count):
            out[at] = share(model, net[i], count, position)
            at += 1
    return out
