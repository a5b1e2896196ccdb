"""The inner loops of attribution: which touches a line may credit, and integer shares of its net amount."""

from typing import Final

import numpy as np
from numba import njit

from transforms.state.texts import is_less

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
def link_touches(first, users, previous, heads):
    """Chain new touches to their users, newest first."""
    for i in range(first, len(users)):
        previous[i] = heads[users[i]]
        heads[users[i]] = i


@njit(cache=True, nogil=True)
def disturb_lines(first, users, times, clicks, places, merchants, line_heads, lines, clicks_ms, views_ms):
    """Mark the lines that a new touch changes: those it is eligible for."""
    line_next, pay_time, line_place, line_merchant, dirty = lines
    for i in range(first, len(users)):
        at = line_heads[users[i]]
        while at >= 0:
            if is_eligible(
                times[i], clicks[i], places[i], merchants[i],
                pay_time[at], line_place[at], line_merchant[at], clicks_ms, views_ms,
            ):  # fmt: skip
                dirty[at] = TOUCHES_CHANGED
            at = line_next[at]


@njit(cache=True, nogil=True)
def _later(a, b, times, text, ends):
    """Order touches by time, ties by event id: the higher is the later."""
    if times[a] != times[b]:
        return times[a] > times[b]
    return is_less(text, ends, b, a)


@njit(cache=True, nogil=True)
def eligible_touches(
    line_rows, line_user, pay_time, line_place, line_merchant,
    heads, previous, times, clicks, places, merchants, text, ends, clicks_ms, views_ms, counts,
):  # fmt: skip
    """Return every line's eligible touches, one line after another, each in order of time."""
    found = np.empty(1024, np.int64)
    total = 0
    for i in range(len(line_rows)):
        line = line_rows[i]
        begin = total
        at = heads[line_user[line]]
        while at >= 0:
            if is_eligible(
                times[at], clicks[at], places[at], merchants[at],
                pay_time[line], line_place[line], line_merchant[line], clicks_ms, views_ms,
            ):  # fmt: skip
                if total == len(found):
                    bigger = np.empty(2 * total, np.int64)
                    bigger[:total] = found
                    found = bigger
                place = total
                while place > begin and _later(found[place - 1], at, times, text, ends):
                    found[place] = found[place - 1]
                    place -= 1
                found[place] = at
                total += 1
            at = previous[at]
        counts[i] = total - begin
    return found[:total]


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
