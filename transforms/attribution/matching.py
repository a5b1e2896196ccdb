"""The inner loops that find which held touches a line may credit: of the recent ones by chain, of sealed ones by range."""

# mypy: allow-untyped-defs, allow-incomplete-defs

import numpy as np

from schemas.kernels import kernel
from transforms.attribution.kernels import is_eligible
from transforms.state.texts import is_less


@kernel
def link(first, users, previous, heads):
    """Chain new touches to their users, newest first."""
    for i in range(first, len(users)):
        previous[i] = heads[users[i]]
        heads[users[i]] = i


@kernel
def _noted(found, count, line, row):
    """Append a pair, in twice the room where it is full."""
    if count == len(found):
        bigger = np.empty((2 * count, 2), np.int64)
        bigger[:count] = found
        found = bigger
    found[count, 0] = line
    found[count, 1] = row
    return found


@kernel
def match_chains(
    line_user, pay_time, line_place, line_merchant,
    heads, previous, times, clicks, places, merchants, clicks_ms, views_ms,
):  # fmt: skip
    """Return (line, touch) of every line's eligible touches among its user's chain."""
    found = np.empty((1024, 2), np.int64)
    count = 0
    for i in range(len(line_user)):
        at = heads[line_user[i]]
        while at >= 0:
            if is_eligible(
                times[at], clicks[at], places[at], merchants[at],
                pay_time[i], line_place[i], line_merchant[i], clicks_ms, views_ms,
            ):  # fmt: skip
                found = _noted(found, count, i, at)
                count += 1
            at = previous[at]
    return found[:count]


@kernel
def match_ranges(
    first_line, row_ends, line_user, pay_time, line_place, line_merchant,
    users, times, clicks, places, merchants, clicks_ms, views_ms,
):  # fmt: skip
    """Return (line, row) of eligible touches; lines are sorted by user, whose rows are among one range each."""
    found = np.empty((1024, 2), np.int64)
    count = 0
    for group in range(len(row_ends)):
        for row in range(row_ends[group - 1] if group else 0, row_ends[group]):
            if users[row] != line_user[first_line[group]]:
                continue
            for i in range(first_line[group], first_line[group + 1]):
                if is_eligible(
                    times[row], clicks[row], places[row], merchants[row],
                    pay_time[i], line_place[i], line_merchant[i], clicks_ms, views_ms,
                ):  # fmt: skip
                    found = _noted(found, count, i, row)
                    count += 1
    return found[:count]


@kernel
def order_ties(order, lines, times, text, ends):
    """Put a line's touches of one time, which stand side by side, in the order of their event ids."""
    for i in range(1, len(order)):
        at, place = order[i], i
        while place > 0:
            before = order[place - 1]
            if (
                lines[before] != lines[at]
                or times[before] != times[at]
                or not is_less(text, ends, at, before)
            ):
                break
            order[place] = before
            place -= 1
        order[place] = at


@kernel
def order_by_user(users, count):
    """Return the rows in order of user, those of one user in order of arrival: a counting sort."""
    starts = np.zeros(count + 1, np.int64)
    for i in range(len(users)):
        starts[users[i] + 1] += 1
    for user in range(count):
        starts[user + 1] += starts[user]
    order = np.empty(len(users), np.int64)
    for i in range(len(users)):
        order[starts[users[i]]] = i
        starts[users[i]] += 1
    return order
