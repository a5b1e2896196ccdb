"""The inner loops of attribution: origins of touches, which touches a line may credit, and what lines give to whom."""

from typing import Final

import numpy as np

from schemas.attribution import PAID, SAME_SESSION
from schemas.credit_shares import is_within, split
from schemas.kernels import inlined, kernel
from schemas.metrics import ATTRIBUTION_COUNTS
from transforms.state.hashing import mix

CLEAN: Final = 0
AMOUNT_CHANGED: Final = 1
TOUCHES_CHANGED: Final = 2

MINUTE_MS: Final = 60_000
COUNTS: Final = len(ATTRIBUTION_COUNTS)
CREDIT, MICRO_ORDERS, DIRECT_CREDIT, NEW_CUSTOMER_CREDIT = range(COUNTS)

_EMPTY: Final = -1
_WEIGHT: Final = np.uint64(0x9E3779B97F4A7C15)


@kernel
def number_origins(rows, columns, creators, merchants):
    """Number the origins of some events: which column's hash is the first that is not 0, and all that says whose it is.

    `columns` and `creators` are hashes of all events, `merchants` codes of the chosen rows. Returns each row's number,
    and of each origin its column, -1 for none, and the place among the rows where it first stood.
    """
    size = 16
    while size < 2 * (len(rows) + 1):
        size *= 2
    table = np.full(size, _EMPTY, np.int32)
    numbers = np.zeros(len(rows), np.int32)
    column_of, first = np.empty(len(rows), np.int8), np.empty(len(rows), np.int32)
    campaigns, count = columns[2], 0
    for i in range(len(rows)):
        row, column, identifier = rows[i], -1, np.uint64(0)
        for candidate in range(len(columns)):
            if columns[candidate, row] != 0:
                column, identifier = candidate, columns[candidate, row]
                break
        owner = creators[row] ^ (np.uint64(merchants[i] + 1) * _WEIGHT)
        slot = mix(identifier + mix(owner) + np.uint64(column + 1)) & np.uint64(size - 1)
        while table[slot] != _EMPTY:
            held = table[slot]
            other = rows[first[held]]
            if (
                column_of[held] == column
                and (column < 0 or columns[column, other] == identifier)
                and creators[other] == creators[row]
                and merchants[first[held]] == merchants[i]
                and (campaigns[other] != 0) == (campaigns[row] != 0)
            ):
                break
            slot = (slot + np.uint64(1)) & np.uint64(size - 1)
        if table[slot] == _EMPTY:
            table[slot] = count
            column_of[count], first[count] = column, i
            count += 1
        numbers[i] = table[slot]
    return numbers, column_of[:count], first[:count]


@inlined
def is_eligible(
    touch_time, touch_click, touch_place, touch_merchant, pay_time, place, merchant, clicks_ms, views_ms
):
    """Same room and session, or same merchant's item; not after the payment, not older than the window."""
    age = pay_time - touch_time
    if age < 0 or age > (clicks_ms if touch_click else views_ms):
        return False
    same_place = place != 0 and touch_place == place
    return same_place or (merchant != 0 and touch_merchant == merchant)


@kernel
def link_lines(first, users, following, heads):
    """Chain new lines to their users, newest first."""
    for line in range(first, len(users)):
        following[line] = heads[users[line]]
        heads[users[line]] = line


@kernel
def note_payments(users, pay_times, latest):
    """Keep each user's latest payment: no touch after it changes any line."""
    for i in range(len(users)):
        latest[users[i]] = max(latest[users[i]], pay_times[i])


@kernel
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


@kernel
def _slot_of(table, held, name, minute):
    """Return the slot of a (name, minute), which is empty where it is new."""
    mask = np.uint64(len(table) - 1)
    slot = mix(np.uint64(name) * _WEIGHT + np.uint64(minute)) & mask
    while table[slot] != _EMPTY:
        row = table[slot]
        if held[row, 0] == name and held[row, 1] == minute:
            break
        slot = (slot + np.uint64(1)) & mask
    return slot


@kernel
def _grown(table, held, sums, used):
    """Return twice the room for (name, minute) rows."""
    wider = np.full(2 * len(table), _EMPTY, np.int32)
    more_held = np.zeros((2 * len(held), 2), np.int64)
    more_sums = np.zeros((2 * len(sums), sums.shape[1]), np.int64)
    more_held[:used], more_sums[:used] = held[:used], sums[:used]
    for row in range(used):
        wider[_slot_of(wider, more_held, more_held[row, 0], more_held[row, 1])] = row
    return wider, more_held, more_sums


@kernel
def eligible_in(ages, flags, rule, chosen):
    """List in `chosen` which of a line's touches a window counts; returns how many."""
    count = 0
    for i in range(len(ages)):
        if is_within(np.int64(ages[i]), flags[i], rule[0], rule[1], rule[2] != 0):
            chosen[count] = i
            count += 1
    return count


@inlined
def _row_of(table, held, used, name, minute):
    """Return the row of a (name, minute), a new one where it had none, and how many there are."""
    slot = _slot_of(table, held, name, minute)
    if table[slot] == _EMPTY:
        table[slot] = used
        held[used, 0], held[used, 1] = name, minute
        used += 1
    return table[slot], used


@kernel
def eligible_pins(starts, counts, ages, flags, rule):
    """Return the pins of lines that a window counts, one line's after another's, and how many are each line's."""
    found, many = np.empty(max(counts.sum(), 1), np.int64), np.empty(len(counts), np.int64)
    used = 0
    for line in range(len(counts)):
        begin, end = starts[line], starts[line] + counts[line]
        many[line] = eligible_in(ages[begin:end], flags[begin:end], rule, found[used:])
        found[used : used + many[line]] += begin
        used += many[line]
    return found[:used], many


@kernel
def _look(origins, ages, flags, begin, chosen, direct, owners, chosen_ages, is_paid):
    """Put down origin, age and whether paid for of the chosen touches; `direct` where there is none."""
    owners[0], chosen_ages[0], is_paid[0] = direct, 0, False
    for k in range(len(chosen)):
        pin = begin + chosen[k]
        owners[k], chosen_ages[k], is_paid[k] = origins[pin], ages[pin], flags[pin] & PAID != 0


@kernel
def _find_rows(table, held, used, origin_names, owners, minute, rows):
    """Find the row of each touch's channel of every kind; returns how many rows there are then."""
    for k in range(len(owners)):
        for kind in range(origin_names.shape[1]):
            rows[k, kind] = _EMPTY
            if origin_names[owners[k], kind] >= 0:
                rows[k, kind], used = _row_of(table, held, used, origin_names[owners[k], kind], minute)
    return used


@kernel
def book(lines, pins, origin_names, direct, rules, models, sign):
    """Sum what lines give to each name in each minute, in every window under every model; `sign` -1 takes it back.

    `lines`: start and count of the pins, pay time, net amount, micro-orders and whether of a new customer of each.
    `pins`: origin, age and flags.
    `origin_names`: the names of each origin, one a kind of channel, -1 for none. `rules`: clicks, views, in-room,
    half-life of each window. Returns (name, minute) and one row of sums each: windows, in them models, in them counts.
    """
    starts, counts, pay_times, nets, micros, is_new = lines
    origins, ages, flags = pins
    kinds, wide = origin_names.shape[1], len(rules) * models * COUNTS
    table, used = np.full(2048, _EMPTY, np.int32), 0
    held, sums = np.zeros((1024, 2), np.int64), np.zeros((1024, wide), np.int64)
    longest = max(counts.max(), 1) if len(counts) else 1
    chosen, owners = np.empty(longest, np.int64), np.empty(longest, np.int64)
    chosen_ages, is_paid = np.zeros(longest, np.int64), np.zeros(longest, np.bool_)
    money, orders = np.empty(longest, np.int64), np.empty(longest, np.int64)
    rows = np.empty((longest, kinds), np.int64)
    for line in range(len(counts)):
        minute, begin, end = pay_times[line] // MINUTE_MS, starts[line], starts[line] + counts[line]
        while used + (counts[line] + 1) * kinds > len(held):
            table, held, sums = _grown(table, held, sums, used)
        for window in range(len(rules)):
            count = eligible_in(ages[begin:end], flags[begin:end], rules[window], chosen)
            _look(origins, ages, flags, begin, chosen[:count], direct, owners, chosen_ages, is_paid)
            shown = max(count, 1)
            used = _find_rows(table, held, used, origin_names, owners[:shown], minute, rows)
            old, bought, half_life = chosen_ages[:shown], is_paid[:shown], rules[window, 3]
            for model in range(models):
                split(model, nets[line], old, bought, half_life, money[:shown])
                split(model, micros[line], old, bought, half_life, orders[:shown])
                at = (window * models + model) * COUNTS
                for k in range(shown):
                    direct_money = money[k] if count and flags[begin + chosen[k]] & SAME_SESSION else 0
                    for kind in range(kinds):
                        if rows[k, kind] != _EMPTY:
                            sums[rows[k, kind], at + CREDIT] += sign * money[k]
                            sums[rows[k, kind], at + MICRO_ORDERS] += sign * orders[k]
                            sums[rows[k, kind], at + DIRECT_CREDIT] += sign * direct_money
                            if is_new[line]:
                                sums[rows[k, kind], at + NEW_CUSTOMER_CREDIT] += sign * money[k]
    return held[:used], sums[:used]


@kernel
def spread(held, sums, groups):
    """Return group, name, minute and counts of every group of sums that is not all 0."""
    out = np.empty((len(sums) * len(groups), 3 + COUNTS), np.int64)
    used = 0
    for row in range(len(sums)):
        for place in range(len(groups)):
            at = place * COUNTS
            if sums[row, at : at + COUNTS].any():
                out[used, 0], out[used, 1], out[used, 2] = groups[place], held[row, 0], held[row, 1]
                out[used, 3:] = sums[row, at : at + COUNTS]
                used += 1
    return out[:used]
