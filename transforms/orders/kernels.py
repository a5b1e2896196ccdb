"""The inner loop of the order book: one order event after another, each a few steps, compiled by numba.

Everything the loop emits is the difference that one event makes to a pure function of the set of events
seen, so any order of arrival, cut in any batches, sums to the same.
"""

from typing import Final

import numpy as np

from schemas.kernels import kernel
from transforms.state.index import find_or_add

PLACED: Final = 0
PAID: Final = 1
CANCELLED: Final = 2
REFUNDED: Final = 3

BY_ORDER_TIME: Final = 3
"""The emission's column beside the three statuses: a refund booked at the time the line was paid."""

NOWHERE: Final = -2
"""The code of a record that is being moved; -1 stands for a scope that is not published."""

MINUTE_MS: Final = 60_000


@kernel
def _emit(out, used, scope, code, minute, column, amount):
    out[used, 0] = scope
    out[used, 1] = code
    out[used, 2] = minute
    out[used, 3] = column
    out[used, 4] = amount
    return used + 1


@kernel
def _around(records, heads, order, status, scope, code, time, horizon):
    """Return the latest event like this one up to `time` and the earliest after it, each within the horizon; or -1."""
    record_status, record_time, record_next, record_codes = records
    before, after = np.int64(-1), np.int64(-1)
    at = heads[order]
    while at >= 0:
        held = record_time[at]
        if abs(held - time) <= horizon and record_status[at] == status and record_codes[at, scope] == code:
            if held <= time:
                before = max(before, held)
            elif after < 0 or held < after:
                after = held
        at = record_next[at]
    return before, after


@kernel
def _count(records, heads, order, status, scope, code, time, horizon, sign, out, used):
    """Emit what an event adds beside those that the order's records hold, or (`sign` -1) what it takes with it.

    An event is a first one where none like it was within the horizon before it: beyond, it is another order.
    """
    before, after = _around(records, heads, order, status, scope, code, time, horizon)
    if after >= 0 and (before < 0 or after - before > horizon):
        used = _emit(out, used, scope, code, after // MINUTE_MS, status, -sign)
    if before < 0:
        used = _emit(out, used, scope, code, time // MINUTE_MS, status, sign)
    return used


@kernel
def count_order(records, used_records, heads, order, status, time, codes, horizon, out, used):
    """Count an order once a scope id, in the minute of its first event of this status; code -1 is of no scope."""
    record_status, record_time, record_next, record_codes = records
    for scope in range(codes.shape[0]):
        if codes[scope] >= 0:
            used = _count(records, heads, order, status, scope, codes[scope], time, horizon, 1, out, used)
    record_status[used_records] = status
    record_time[used_records] = time
    record_next[used_records] = heads[order]
    for scope in range(codes.shape[0]):
        record_codes[used_records, scope] = codes[scope]
    heads[order] = used_records
    return used_records + 1, used


@kernel
def move_records(records, heads, rows, orders, scope, codes, horizon, out):
    """Let records count under other ids of one scope: what each took with it, then what it adds; returns emissions."""
    record_status, record_time, _, record_codes = records
    used = 0
    for i in range(len(rows)):
        row, order = rows[i], orders[i]
        status, time, code = record_status[row], record_time[row], record_codes[row, scope]
        if code == codes[i]:
            continue
        record_codes[row, scope] = NOWHERE
        used = _count(records, heads, order, status, scope, code, time, horizon, -1, out, used)
        used = _count(records, heads, order, status, scope, codes[i], time, horizon, 1, out, used)
        record_codes[row, scope] = codes[i]
    return used


@kernel
def lines_of(orders, first_lines, line_next):
    """Return the lines of some orders, each of them given once."""
    count = 0
    for order in orders:
        at = first_lines[order]
        while at >= 0:
            count += 1
            at = line_next[at]
    out = np.empty(count, np.int32)
    count = 0
    for order in orders:
        at = first_lines[order]
        while at >= 0:
            out[count] = at
            count += 1
            at = line_next[at]
    return out


@kernel
def _book_refund(codes, time, amount, out, used):
    if amount != 0:
        for scope in range(codes.shape[0]):
            if codes[scope] >= 0:
                used = _emit(out, used, scope, codes[scope], time // MINUTE_MS, BY_ORDER_TIME, amount)
    return used


@kernel
def pay_line(lines, line_codes, last_refund, line, amount, time, event, codes, places, horizon, out, used):
    """Add a payment; the line's pay event is the earliest, ties by the event's hash."""
    (
        paid,
        refunded,
        payments,
        pay_time,
        pay_event,
        users,
        rooms,
        merchants,
        sessions,
        own_bases,
        own_facts,
        stray,
    ) = lines
    if payments[line] == 0 and time - last_refund[line] > horizon:
        stray[line] += refunded[line]
        refunded[line] = 0
    earlier = payments[line] == 0 or time < pay_time[line]
    if payments[line] and time == pay_time[line]:
        earlier = event < pay_event[line]
    if earlier:
        if payments[line]:
            used = _book_refund(line_codes[line], pay_time[line], -refunded[line], out, used)
        used = _book_refund(codes, time, refunded[line], out, used)
        pay_time[line] = time
        pay_event[line] = event
        users[line], rooms[line], merchants[line], sessions[line], own_bases[line], own_facts[line] = places
        for scope in range(codes.shape[0]):
            line_codes[line, scope] = codes[scope]
    payments[line] += 1
    paid[line] += amount
    return used


@kernel
def refund_line(lines, line_codes, first_refund, last_refund, line, amount, time, horizon, out, used):
    """Add a refund; it is booked at the line's pay time as soon as that is known, within the order horizon."""
    refunded, payments, pay_time, stray = lines[1], lines[2], lines[3], lines[11]
    first_refund[line] = time if first_refund[line] == 0 else min(first_refund[line], time)
    last_refund[line] = max(last_refund[line], time)
    if payments[line] and abs(time - pay_time[line]) > horizon:
        stray[line] += amount
        return used
    refunded[line] += amount
    if payments[line]:
        used = _book_refund(line_codes[line], pay_time[line], amount, out, used)
    return used


@kernel
def absorb(
    order_keys, order_rows, order_used, heads, first_lines, paid_lines, order_seen,
    records, record_used, record_places,
    line_keys, line_rows, line_used, lines, line_codes, line_hash, line_order, line_next,
    first_refund, last_refund, touched,
    orders, line_hashes, status, time, event, amount, user, room, merchant, session, own_base, own_fact, codes, horizon,
    new_line_at, out,
):  # fmt: skip
    """Take order events one after another; returns how many orders, records, lines and emissions there are."""
    used = 0
    new_line_base = line_used
    for i in range(len(orders)):
        before = order_used
        order, order_used = find_or_add(order_keys, order_rows, order_used, orders[i])
        if order_used > before:
            heads[order], first_lines[order], paid_lines[order] = -1, -1, 0
            order_seen[order] = time[i]
        order_seen[order] = max(order_seen[order], time[i])
        if status[i] != REFUNDED:
            record_order, record_session, record_base, record_fact = record_places
            record_order[record_used], record_session[record_used] = order, session[i]
            record_base[record_used], record_fact[record_used] = own_base[i], own_fact[i]
            record_used, used = count_order(
                records, record_used, heads, order, status[i], time[i], codes[i], horizon, out, used
            )
        if status[i] != PAID and status[i] != REFUNDED:
            continue
        before = line_used
        line, line_used = find_or_add(line_keys, line_rows, line_used, line_hashes[i])
        if line_used > before:
            new_line_at[line - new_line_base] = i
            line_hash[line], line_order[line] = line_hashes[i], order
            line_next[line], first_lines[order] = first_lines[order], line
        touched[line] = 1
        if status[i] == PAID:
            first = lines[2][line] == 0
            places = (user[i], room[i], merchant[i], session[i], own_base[i], own_fact[i])
            used = pay_line(
                lines,
                line_codes,
                last_refund,
                line,
                amount[i],
                time[i],
                event[i],
                codes[i],
                places,
                horizon,
                out,
                used,
            )
            if first:
                paid_lines[order] += 1
                at = first_lines[order]
                while at >= 0:
                    touched[at] = 1
                    at = line_next[at]
        else:
            used = refund_line(
                lines, line_codes, first_refund, last_refund, line, amount[i], time[i], horizon, out, used
            )
    return order_used, record_used, line_used, used


@kernel
def order_shares(touched_lines, line_hash, line_order, line_next, first_lines, payments, share):
    """Split one order in millionths over its paid lines, by the rank of the line's hash."""
    for i in range(len(touched_lines)):
        line = touched_lines[i]
        rank = 0
        total = 0
        at = first_lines[line_order[line]]
        while at >= 0:
            if payments[at]:
                total += 1
                if line_hash[at] < line_hash[line]:
                    rank += 1
            at = line_next[at]
        if total:
            share[i] = 1_000_000 * (rank + 1) // total - 1_000_000 * rank // total
        else:
            share[i] = 0
