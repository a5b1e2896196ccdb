"""The inner loops of the cell table: addends into their windows' cells, and cells into the hashes they are stored in."""

from typing import Final

import numpy as np

from schemas.kernels import kernel
from transforms.metrics.windows import DAY, HOUR, MINUTE
from transforms.state.hashing import mix
from transforms.state.index import find_one, find_or_add, place

KINDS: Final = 4
KIND_BITS: Final = 2
START_BITS: Final = 28
_WINDOW_BITS: Final = KIND_BITS + START_BITS
_EMPTY: Final = -1


@kernel
def mix_keys(keys):
    """Hash packed keys, one to one."""
    out = np.empty(len(keys), np.uint64)
    for i in range(len(keys)):
        out[i] = mix(np.uint64(keys[i]))
    return out


@kernel
def _start(kind, minute, day):
    if kind == MINUTE:
        return minute
    if kind == HOUR:
        return minute - minute % 60
    return day if kind == DAY else np.int64(0)


@kernel
def merge(
    series_keys, series_rows, series_used, series_group, new_series_at,
    cell_keys, cell_rows, cells_used, cell_key, cell_dirty, values, changed, changed_used,
    ids, groups, minutes, days, adds, has_users, cells_of,
):  # fmt: skip
    """Add each addend to its minute, hour, day and total; returns how many series, cells and changed cells there are.

    `new_series_at` hears in which row each new series first stood, `cells_of` each addend's four cells; `changed` lists
    each dirty cell once. Where cells have users, addends that are all 0 only see to it that their minute is there.
    """
    known = series_used
    for i in range(len(ids)):
        before = series_used
        key = mix(ids[i] + np.uint64(groups[i] + 1))
        series, series_used = find_or_add(series_keys, series_rows, series_used, key)
        if series_used > before:
            series_group[series] = groups[i]
            new_series_at[series - known] = i
        idle = has_users and not adds[i].any()
        for kind in range(KINDS):
            if idle and kind != MINUTE:
                cells_of[i, kind] = _EMPTY
                continue
            start = _start(kind, minutes[i], days[i])
            packed = (((np.int64(series) << KIND_BITS) | kind) << START_BITS) | start
            before = cells_used
            row, cells_used = find_or_add(cell_keys, cell_rows, cells_used, mix(np.uint64(packed)))
            if cells_used > before:
                cell_key[row], cell_dirty[row] = packed, 0
                values[row, :] = 0
            cells_of[i, kind] = row
            if not cell_dirty[row]:
                cell_dirty[row] = 1
                changed[changed_used] = row
                changed_used += 1
            for k in range(adds.shape[1]):
                values[row, k] += adds[i, k]
    return series_used, cells_used, changed_used


@kernel
def find(series_keys, series_rows, cell_keys, cell_rows, ids, groups, minutes, days):
    """Return of each (id, group, minute) its four cells, -1 where there is none."""
    out = np.full((len(ids), KINDS), _EMPTY, np.int32)
    for i in range(len(ids)):
        series = find_one(series_keys, series_rows, mix(ids[i] + np.uint64(groups[i] + 1)))
        if series == _EMPTY:
            continue
        for kind in range(KINDS):
            start = _start(kind, minutes[i], days[i])
            packed = (((np.int64(series) << KIND_BITS) | kind) << START_BITS) | start
            out[i, kind] = find_one(cell_keys, cell_rows, mix(np.uint64(packed)))
    return out


@kernel
def number_hashes(rows, cell_key, series_group):
    """Number the stored hashes that these cells belong to; returns each cell's number, and group and window of each."""
    size = 16
    while size < 2 * len(rows):
        size *= 2
    table = np.full(size, _EMPTY, np.int32)
    numbers = np.empty(len(rows), np.int32)
    hashes = np.empty(len(rows), np.int64)
    count = 0
    for i in range(len(rows)):
        packed = cell_key[rows[i]]
        group = np.int64(series_group[packed >> _WINDOW_BITS])
        wanted = (group << _WINDOW_BITS) | (packed & ((1 << _WINDOW_BITS) - 1))
        slot = place(mix(np.uint64(wanted)), size - 1)
        while table[slot] != _EMPTY and hashes[table[slot]] != wanted:
            slot = (slot + 1) & (size - 1)
        if table[slot] == _EMPTY:
            table[slot] = count
            hashes[count] = wanted
            count += 1
        numbers[i] = table[slot]
    return numbers, hashes[:count]


@kernel
def gathered(rows, numbers, ranks):
    """Order cells by the rank of their hash, otherwise as they are; returns them and where each rank begins."""
    starts = np.zeros(len(ranks) + 1, np.int64)
    for i in range(len(rows)):
        starts[ranks[numbers[i]] + 1] += 1
    for rank in range(len(ranks)):
        starts[rank + 1] += starts[rank]
    at = starts[:-1].copy()
    out = np.empty(len(rows), np.int64)
    for i in range(len(rows)):
        rank = ranks[numbers[i]]
        out[at[rank]] = rows[i]
        at[rank] += 1
    return out, starts
