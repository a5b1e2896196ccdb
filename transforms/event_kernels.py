"""The inner loops over a batch of accepted events: their ids hashed, what each event is, sums, and texts put together."""

from typing import Final

import numpy as np

from schemas.kernels import inlined, kernel
from schemas.metrics import EVENT_TIME_COUNTS
from transforms.state.hashing import hash_bytes, mix

OTHER: Final = 0
GHOST: Final = 1
"""A view of a holdout: kept from the ad, counted nowhere."""
ENTRY: Final = 2
IMPRESSION: Final = 3
CLICK: Final = 4
FOLLOW: Final = 5
PLACED: Final = 6
PAID: Final = 7
CANCELLED: Final = 8
REFUNDED: Final = 9

TYPE_NAMES: Final = ("view", "click", "follow", "order")
STATUS_NAMES: Final = ("placed", "paid", "cancelled", "refunded")
"""In the order of the kinds from `PLACED` on."""

NEW_PRODUCT: Final = 1
PREMIUM: Final = 2
"""Marks of an event, by its item: paid within 30 days of the launch, and of a premium item."""

COUNTS: Final = len(EVENT_TIME_COUNTS)
(
    _VIEWS, _ENTRIES, _IMPRESSIONS, _CLICKS, _FOLLOWS, _DWELL, _, _, _, _UNITS, _GMV_PLACED, _GMV_PAID, _REFUNDS,
    _, _, _, _, _NEW_PRODUCT_GMV, _PREMIUM_GMV,
) = range(COUNTS)  # fmt: skip

_MINUTE_SALT: Final = np.uint64(0x9E3779B97F4A7C15)
_OWN_SALT: Final = np.uint64(0xBF58476D1CE4E5B9)
_EMPTY: Final = -1
_SMALLEST: Final = 1024


@kernel
def hash_known(bounds, data, known, seed):
    """Hash each string; 0 where it is null."""
    out = np.zeros(len(known), np.uint64)
    for i in range(len(known)):
        if known[i]:
            out[i] = hash_bytes(data, bounds[i], bounds[i + 1], seed)
    return out


@kernel
def kinds_of(types, statuses, items, ghosts, type_names, status_names):
    """Say what each event is, by the hashes of its type and order status."""
    out = np.zeros(len(types), np.int8)
    for i in range(len(types)):
        if types[i] == type_names[0]:
            out[i] = GHOST if ghosts[i] else IMPRESSION if items[i] else ENTRY
        elif types[i] == type_names[1]:
            out[i] = CLICK
        elif types[i] == type_names[2]:
            out[i] = FOLLOW
        elif types[i] == type_names[3]:
            for status in range(len(status_names)):
                if statuses[i] == status_names[status]:
                    out[i] = PLACED + status
    return out


@inlined
def _add(adds, row, kind, dwell, quantity, amount, marks):
    if kind == ENTRY or kind == IMPRESSION:
        adds[row, _VIEWS] += 1
        adds[row, _ENTRIES if kind == ENTRY else _IMPRESSIONS] += 1
        adds[row, _DWELL] += dwell
    elif kind == CLICK:
        adds[row, _CLICKS] += 1
    elif kind == FOLLOW:
        adds[row, _FOLLOWS] += 1
    elif kind == PLACED:
        adds[row, _GMV_PLACED] += amount
    elif kind == PAID:
        adds[row, _GMV_PAID] += amount
        adds[row, _UNITS] += quantity
        if marks & NEW_PRODUCT:
            adds[row, _NEW_PRODUCT_GMV] += amount
        if marks & PREMIUM:
            adds[row, _PREMIUM_GMV] += amount
    elif kind == REFUNDED:
        adds[row, _REFUNDS] += amount


@inlined
def _slot_of(table, row_id, row_minute, identifier, minute):
    """Return the slot of an (id, minute), which is empty where it is new."""
    mask = np.uint64(len(table) - 1)
    slot = mix(identifier + _MINUTE_SALT * np.uint64(minute)) & mask
    while table[slot] != _EMPTY:
        row = table[slot]
        if row_id[row] == identifier and row_minute[row] == minute:
            break
        slot = (slot + np.uint64(1)) & mask
    return slot


@kernel
def _number(table, row_id, row_minute, row_first, count, kinds, minutes, identifiers, shown, begin, numbers):
    """Number the (id, minute) of events from `begin` on while there is room.

    Events that count nowhere have a number if they are `shown`; none of them is if that is empty. Returns how many
    numbers there are, and the event at which the room ended.
    """
    room = len(table) // 2
    for i in range(begin, len(kinds)):
        nowhere = kinds[i] == OTHER or kinds[i] == GHOST or kinds[i] == CANCELLED
        if nowhere and not (len(shown) and shown[i]):
            numbers[i] = _EMPTY
            continue
        slot = _slot_of(table, row_id, row_minute, identifiers[i], minutes[i])
        if table[slot] == _EMPTY:
            if count == room:
                return count, i
            table[slot] = count
            row_id[count], row_minute[count], row_first[count] = identifiers[i], minutes[i], i
            count += 1
        numbers[i] = table[slot]
    return count, len(kinds)


@kernel
def _table(size, row_id, row_minute, count):
    table = np.full(size, _EMPTY, np.int32)
    for row in range(count):
        table[_slot_of(table, row_id, row_minute, row_id[row], row_minute[row])] = row
    return table


@kernel
def sum_events(kinds, minutes, identifiers, shown, dwell, quantity, amount, marks, numbers):
    """Sum what every event adds to one scope, by (id, minute); `identifiers` holds the hash of each event's id.

    Returns the minute, the sums and the row of the first event of each, and writes each event's number among them
    into `numbers`, -1 where it has none. Those that sum to nothing are left out unless events are `shown` there.
    """
    most = len(kinds)
    row_id, row_minute, row_first = (
        np.empty(most, np.uint64),
        np.empty(most, np.int64),
        np.empty(most, np.int32),
    )
    count, done, size = 0, 0, _SMALLEST
    while True:
        table = _table(size, row_id, row_minute, count)
        count, done = _number(
            table, row_id, row_minute, row_first, count, kinds, minutes, identifiers, shown, done, numbers
        )
        if done == most:
            break
        size *= 4
    adds = np.zeros((count, COUNTS), np.int64)
    for i in range(most):
        if numbers[i] != _EMPTY:
            _add(adds, numbers[i], kinds[i], dwell[i], quantity[i], amount[i], marks[i])
    if not len(shown):
        count = _without_zeros(row_minute, row_first, adds, numbers)
    return row_minute[:count].copy(), adds[:count], row_first[:count].copy()


@kernel
def _without_zeros(row_minute, row_first, adds, numbers):
    kept, renumbered = 0, np.empty(len(adds), np.int32)
    for row in range(len(adds)):
        renumbered[row] = _EMPTY
        if adds[row].any():
            renumbered[row] = kept
            if kept < row:
                row_minute[kept], row_first[kept] = row_minute[row], row_first[row]
                adds[kept] = adds[row]
            kept += 1
    if kept < len(adds):
        for i in range(len(numbers)):
            if numbers[i] != _EMPTY:
                numbers[i] = renumbered[numbers[i]]
    return kept


@kernel
def sum_again(minutes, adds, codes):
    """Sum rows by (code, minute): from the few rows of one scope those of another that follows from it.

    Returns code, minute and sums of each, in order of first appearance, and the number of each row among them.
    """
    size = _SMALLEST
    while size < 2 * len(codes):
        size *= 2
    table = np.full(size, _EMPTY, np.int32)
    row_code, row_minute = np.empty(len(codes), np.uint64), np.empty(len(codes), np.int64)
    sums, numbers = np.empty((len(codes), COUNTS), np.int64), np.empty(len(codes), np.int32)
    count = 0
    for i in range(len(codes)):
        slot = _slot_of(table, row_code, row_minute, np.uint64(codes[i]), minutes[i])
        row = table[slot]
        if row == _EMPTY:
            row = table[slot] = count
            row_code[row], row_minute[row] = np.uint64(codes[i]), minutes[i]
            for k in range(COUNTS):
                sums[row, k] = adds[i, k]
            count += 1
        else:
            for k in range(COUNTS):
                sums[row, k] += adds[i, k]
        numbers[i] = row
    return row_code[:count].astype(np.int32), row_minute[:count].copy(), sums[:count].copy(), numbers


@kernel
def renumber(numbers, again, offset, out):
    """Number events by the rows of another scope that their rows were summed into."""
    for i in range(len(numbers)):
        out[i] = _EMPTY if numbers[i] == _EMPTY or again[numbers[i]] == _EMPTY else again[numbers[i]] + offset


@kernel
def shift(numbers, offset):
    """Let numbers begin at an offset."""
    for i in range(len(numbers)):
        if numbers[i] != _EMPTY:
            numbers[i] += offset


@kernel
def together(sessions, creators, campaigns):
    """Hash what an event's base and fact channel follow from: its session, its creator, and whether it has a campaign."""
    out = np.empty(len(sessions), np.uint64)
    for i in range(len(out)):
        own = creators[i] * _MINUTE_SALT + np.uint64(campaigns[i] != 0)
        out[i] = sessions[i] ^ (own * _OWN_SALT)
    return out


@kernel
def put_together(prefix_of, prefixes, prefix_bounds, column_of, rows, bounds, data):
    """Make one string each of a prefix and, unless its row is negative, the string in a row of a column.

    Returns the bounds and the bytes of all.
    """
    ends = np.zeros(len(rows) + 1, np.int32)
    for i in range(len(rows)):
        prefix, row = prefix_of[i], rows[i]
        size = prefix_bounds[prefix + 1] - prefix_bounds[prefix]
        if row >= 0:
            places = bounds[column_of[i]]
            size += places[row + 1] - places[row]
        ends[i + 1] = ends[i] + size
    out = np.empty(ends[-1], np.uint8)
    for i in range(len(rows)):
        at, prefix, row = ends[i], prefix_of[i], rows[i]
        for k in range(prefix_bounds[prefix], prefix_bounds[prefix + 1]):
            out[at] = prefixes[k]
            at += 1
        if row >= 0:
            places, source = bounds[column_of[i]], data[column_of[i]]
            for k in range(places[row], places[row + 1]):
                out[at] = source[k]
                at += 1
    return ends, out


@kernel
def count_pairs(codes, minutes, weights):
    """Sum the weights of each (code, minute).

    Returns code, minute and sum of each, in order of first appearance, and of every row which of these it is.
    """
    size = 16
    while size < 2 * len(codes):
        size *= 2
    table = np.full(size, _EMPTY, np.int32)
    held_code, held_minute = np.empty(len(codes), np.uint64), np.empty(len(codes), np.int64)
    sums, count, numbers = np.zeros(len(codes), np.int64), 0, np.empty(len(codes), np.int32)
    for i in range(len(codes)):
        slot = _slot_of(table, held_code, held_minute, np.uint64(codes[i]), minutes[i])
        if table[slot] == _EMPTY:
            table[slot] = count
            held_code[count], held_minute[count] = codes[i], minutes[i]
            count += 1
        numbers[i] = table[slot]
        sums[numbers[i]] += weights[i]
    return held_code[:count], held_minute[:count], sums[:count], numbers
