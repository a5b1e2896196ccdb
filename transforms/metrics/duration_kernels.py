"""The inner loops of `Durations`: into cells of about one length, and the middle of all."""

from typing import Final

import numpy as np

from schemas.kernels import inlined, kernel
from transforms.state.hashing import mix
from transforms.state.index import find_or_add

_FINE_BITS: Final = 5
"""Each doubling of length is cut into 16 cells; below 32 ms each has its own."""
_CELL_BITS: Final = 12


@inlined
def cell_of(ms):
    """Return the number of the cell of a duration, which grows with it."""
    shift = 0
    while ms >> shift >= 1 << _FINE_BITS:
        shift += 1
    return (shift << (_FINE_BITS - 1)) + (ms >> shift)


@kernel
def add(
    numbers, ms, weights, keys, rows, cells, used,
    head, cell_key, cell_count, cell_row, cell_next, row_ms, row_weight, row_next,
):  # fmt: skip
    """Append durations to their cells; returns how many cells there are."""
    for i in range(len(ms)):
        key = (np.int64(numbers[i]) << _CELL_BITS) | cell_of(ms[i])
        before = cells
        cell, cells = find_or_add(keys, rows, cells, mix(np.uint64(key)))
        if cells > before:
            cell_key[cell], cell_count[cell], cell_row[cell] = key, 0, -1
            cell_next[cell], head[numbers[i]] = head[numbers[i]], cell
        cell_count[cell] += weights[i]
        row_ms[used], row_weight[used], row_next[used] = ms[i], weights[i], cell_row[cell]
        cell_row[cell] = used
        used += 1
    return cells


@kernel
def _chained(head, following):
    count, at = 0, head
    while at >= 0:
        count += 1
        at = following[at]
    found = np.empty(count, np.int64)
    at = head
    for i in range(count):
        found[i] = at
        at = following[at]
    return found


@kernel
def _at(rank, cells, cell_count, cell_row, row_ms, row_weight, row_next):
    """Return the duration of a rank, from 0 on; the cells stand in order."""
    before = 0
    for cell in cells:
        if before + cell_count[cell] <= rank:
            before += cell_count[cell]
            continue
        rows = _chained(cell_row[cell], row_next)
        rows = rows[np.argsort(row_ms[rows])]
        for i in range(len(rows)):
            before += row_weight[rows[i]]
            is_last = i + 1 == len(rows) or row_ms[rows[i + 1]] != row_ms[rows[i]]
            if is_last and before > rank:
                return row_ms[rows[i]]
    return np.int64(0)


@kernel
def twice_medians(numbers, head, cell_key, cell_count, cell_row, cell_next, row_ms, row_weight, row_next):
    """Return the sum of the two durations in the middle, of an odd number of them twice the one."""
    out = np.zeros(len(numbers), np.int64)
    for i in range(len(numbers)):
        if numbers[i] >= len(head):
            continue
        cells = _chained(head[numbers[i]], cell_next)
        cells = cells[np.argsort(cell_key[cells])]
        count = cell_count[cells].sum()
        if count <= 0:
            continue
        low = _at((count - 1) // 2, cells, cell_count, cell_row, row_ms, row_weight, row_next)
        high = low
        if count % 2 == 0:
            high = _at(count // 2, cells, cell_count, cell_row, row_ms, row_weight, row_next)
        out[i] = low + high
    return out


@kernel
def netted(cell_key, cell_row, row_ms, row_weight, row_next):
    """Return number, duration and weight of all that counts, each once."""
    numbers = np.empty(len(row_ms), np.int32)
    ms, weights = np.empty(len(row_ms), np.int64), np.empty(len(row_ms), np.int64)
    used = 0
    for cell in range(len(cell_key)):
        rows = _chained(cell_row[cell], row_next)
        rows = rows[np.argsort(row_ms[rows])]
        weight = 0
        for i in range(len(rows)):
            weight += row_weight[rows[i]]
            if i + 1 < len(rows) and row_ms[rows[i + 1]] == row_ms[rows[i]]:
                continue
            if weight != 0:
                numbers[used], ms[used], weights[used] = cell_key[cell] >> _CELL_BITS, row_ms[rows[i]], weight
                used += 1
            weight = 0
    return numbers[:used], ms[:used], weights[:used]
