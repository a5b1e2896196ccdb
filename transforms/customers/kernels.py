"""The inner loops of the customer book: which purchase is a user's first with a merchant, and what that changes.

What a purchase is to its merchant is worked out anew for each user and merchant that a batch touches; only
the payments for which it has changed are booked, so what is emitted are differences of a pure function of the
set of payments seen.
"""

from typing import Final

import numpy as np

from schemas.kernels import inlined, kernel
from transforms.state.hashing import mix
from transforms.state.texts import is_less

PLAIN: Final = 0
"""Neither; also what a payment is before it was judged."""
NEW: Final = 1
REPURCHASE: Final = 2

UNPUBLISHED: Final = -1
"""The code of every id in a scope that is not published."""

REPURCHASE_MS: Final = 30 * 86_400_000
NEVER_MS: Final = np.iinfo(np.int64).min
MINUTE_MS: Final = 60_000

COLUMNS: Final = 4
"""Amount and orders of new customers, amount and orders of repurchases."""
EMISSIONS: Final = 6
"""At most so many a payment and scope: its amount and at most two minutes of its order, taken back and given."""

_SALT: Final = np.uint64(0xD6E8FEB86659FD93)


@kernel
def paired(left, right):
    """Hash pairs of hashes; not the same the other way round."""
    out = np.empty(len(left), np.uint64)
    for i in range(len(left)):
        out[i] = mix(left[i] + mix(right[i] + _SALT))
    return out


@kernel
def link(first, record, pair_heads, order_heads):
    """Chain payments from `first` on to their user and merchant, and to their user and order."""
    _, _, _, order, pair, next_of_pair, next_of_order = record
    for at in range(first, len(order)):
        next_of_pair[at] = pair_heads[pair[at]]
        pair_heads[pair[at]] = at
        next_of_order[at] = order_heads[order[at]]
        order_heads[order[at]] = at


@kernel
def _chained(head, following):
    count, at = 0, head
    while at >= 0:
        count += 1
        at = following[at]
    rows = np.empty(count, np.int64)
    at = head
    for i in range(count):
        rows[i] = at
        at = following[at]
    return rows


@kernel
def _purchases(head, record, id_data, id_ends, horizon):
    """Return the payments of one user with one merchant by purchase, where each begins, and the purchases in turn.

    The same order id more than the horizon after its last payment is another purchase. Purchases stand in turn
    by their first payment, at one time by their order ids.
    """
    time, _, _, order, _, next_of_pair, _ = record
    rows = _chained(head, next_of_pair)
    rows = rows[np.argsort(time[rows], kind="mergesort")]
    rows = rows[np.argsort(order[rows], kind="mergesort")]
    starts, count = np.empty(len(rows) + 1, np.int64), 0
    for i in range(len(rows)):
        before = rows[i - 1]
        if i == 0 or order[rows[i]] != order[before] or time[rows[i]] - time[before] > horizon:
            starts[count] = i
            count += 1
    starts[count] = len(rows)
    firsts = rows[starts[:count]]
    turns = np.argsort(time[firsts], kind="mergesort")
    for i in range(1, count):
        k = i
        while k > 0:
            one, other = firsts[turns[k - 1]], firsts[turns[k]]
            if time[one] != time[other] or not is_less(id_data, id_ends, order[other], order[one]):
                break
            turns[k - 1], turns[k] = turns[k], turns[k - 1]
            k -= 1
    return rows, starts, turns


@kernel
def held_of(pairs, pair_heads, following):
    """Count the payments of these users and merchants."""
    count = 0
    for i in range(len(pairs)):
        at = pair_heads[pairs[i]]
        while at >= 0:
            count += 1
            at = following[at]
    return count


@kernel
def judge(pairs, pair_heads, bought_before, record, id_data, id_ends, horizon, out_row, out_flag):
    """Find the payments that are something else to their merchant now; returns how many there are."""
    time, _, flag, _, _, _, _ = record
    used = 0
    for i in range(len(pairs)):
        rows, starts, turns = _purchases(pair_heads[pairs[i]], record, id_data, id_ends, horizon)
        before = bought_before[pairs[i]]
        for turn in turns:
            bought = time[rows[starts[turn]]]
            now = PLAIN
            if before == NEVER_MS:
                now = NEW
            elif bought - before <= REPURCHASE_MS:
                now = REPURCHASE
            for k in range(starts[turn], starts[turn + 1]):
                if flag[rows[k]] != now:
                    out_row[used], out_flag[used] = rows[k], now
                    used += 1
            before = bought
    return used


@inlined
def _emit(out, used, scope, code, minute, column, amount):
    out[used, 0] = scope
    out[used, 1] = code
    out[used, 2] = minute
    out[used, 3] = column
    out[used, 4] = amount
    return used + 1


@kernel
def _around(row, scope, record, codes, order_heads, horizon):
    """Return the latest other payment like this one up to its time and the earliest after it, each within the horizon.

    Like it is one of the same order that is the same to its merchant, under the same id of the scope.
    """
    time, _, flag, order, _, _, next_of_order = record
    before, after = NEVER_MS, NEVER_MS
    at = order_heads[order[row]]
    while at >= 0:
        is_like = at != row and flag[at] == flag[row] and codes[at, scope] == codes[row, scope]
        if is_like and abs(time[at] - time[row]) <= horizon:
            if time[at] <= time[row]:
                before = max(before, time[at])
            elif after == NEVER_MS or time[at] < after:
                after = time[at]
        at = next_of_order[at]
    return before, after


@kernel
def _book(row, scope, sign, record, codes, order_heads, horizon, out, used):
    """Book a payment under its id of one scope, or take it back: its amount, and its order if it is the first there."""
    time, amount, flag, _, _, _, _ = record
    code, column = codes[row, scope], 2 * (flag[row] - 1)
    if code == UNPUBLISHED:
        return used
    minute = time[row] // MINUTE_MS
    if amount[row] != 0:
        used = _emit(out, used, scope, code, minute, column, sign * amount[row])
    before, after = _around(row, scope, record, codes, order_heads, horizon)
    if after != NEVER_MS and (before == NEVER_MS or after - before > horizon):
        used = _emit(out, used, scope, code, after // MINUTE_MS, column + 1, -sign)
    if before == NEVER_MS:
        used = _emit(out, used, scope, code, minute, column + 1, sign)
    return used


@kernel
def rebook(rows, flags, record, codes, order_heads, horizon, out):
    """Let payments be what they are now to their merchants; returns how many emissions follow."""
    flag, used = record[2], 0
    for i in range(len(rows)):
        row = rows[i]
        if flag[row] != PLAIN:
            for scope in range(codes.shape[1]):
                used = _book(row, scope, -1, record, codes, order_heads, horizon, out, used)
        flag[row] = flags[i]
        if flag[row] != PLAIN:
            for scope in range(codes.shape[1]):
                used = _book(row, scope, 1, record, codes, order_heads, horizon, out, used)
    return used


@kernel
def recode(rows, scope, numbers, record, codes, order_heads, horizon, out):
    """Let payments have other ids in one scope; returns how many emissions follow."""
    flag, used = record[2], 0
    for i in range(len(rows)):
        row = rows[i]
        if codes[row, scope] == numbers[i]:
            continue
        if flag[row] != PLAIN:
            used = _book(row, scope, -1, record, codes, order_heads, horizon, out, used)
        codes[row, scope] = numbers[i]
        if flag[row] != PLAIN:
            used = _book(row, scope, 1, record, codes, order_heads, horizon, out, used)
    return used


@kernel
def let_go(pair_heads, bought_before, record, id_data, id_ends, before_ms, horizon, gone):
    """Mark the payments of purchases that nothing can change or join any more; the last one's time is kept.

    Purchases go in turn, so that what is kept always lies before all that is held.
    """
    time = record[0]
    for pair in range(len(pair_heads)):
        if pair_heads[pair] < 0:
            continue
        rows, starts, turns = _purchases(pair_heads[pair], record, id_data, id_ends, horizon)
        for turn in turns:
            if time[rows[starts[turn + 1] - 1]] >= before_ms:
                break
            bought_before[pair] = time[rows[starts[turn]]]
            for k in range(starts[turn], starts[turn + 1]):
                gone[rows[k]] = 1
