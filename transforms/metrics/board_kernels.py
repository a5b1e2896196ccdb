"""The inner loops of leaderboards: the cells of a scope and window, and the first of them by every metric.

Of each metric a heap holds the best so far with the worst of them on top, so that a cell is looked at once and
equal values are told apart by their ids' bytes, however many there are.
"""

import numpy as np

from schemas.kernels import kernel
from transforms.metrics.kernels import KIND_BITS, START_BITS
from transforms.metrics.windows import MINUTE
from transforms.state.hashing import mix
from transforms.state.texts import is_less

_WINDOW_BITS = KIND_BITS + START_BITS
_SEED = np.uint64(0x9E3779B97F4A7C15)
"""Keeps a digest of small numbers, which are most, away from 0, where `mix` stays."""


@kernel
def rows_of(hashes, cell_key, series_group):
    """Return the cells of these stored hashes, which rise, and where those of each begin; none of minutes.

    Cost: about 2 ns a cell of the table.
    """
    numbers = np.full(len(cell_key), -1, np.int32)
    starts = np.zeros(len(hashes) + 1, np.int64)
    for row in range(len(cell_key)):
        packed = cell_key[row]
        if (packed >> START_BITS) & ((1 << KIND_BITS) - 1) == MINUTE:
            continue
        group = np.int64(series_group[packed >> _WINDOW_BITS])
        wanted = (group << _WINDOW_BITS) | (packed & ((1 << _WINDOW_BITS) - 1))
        at = np.searchsorted(hashes, wanted)
        if at < len(hashes) and hashes[at] == wanted:
            numbers[row] = at
            starts[at + 1] += 1
    for at in range(len(hashes)):
        starts[at + 1] += starts[at]
    fill = starts[:-1].copy()
    rows = np.empty(starts[-1], np.int32)
    for row in range(len(cell_key)):
        if numbers[row] >= 0:
            rows[fill[numbers[row]]] = row
            fill[numbers[row]] += 1
    return rows, starts


@kernel
def _leads(data, ends, value, series, other_value, other_series):
    """Whether one place is before another: by value, then by the bytes of the id."""
    if value != other_value:
        return value > other_value
    return is_less(data, ends, series, other_series)


@kernel
def _sink(data, ends, values, series, size, value, identifier):
    """Put a place into the heap's top and let it sink to where all below it lead it."""
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and _leads(
            data, ends, values[child], series[child], values[child + 1], series[child + 1]
        ):
            child += 1
        if _leads(data, ends, values[child], series[child], value, identifier):
            break
        values[at], series[at] = values[child], series[child]
        at = child
    values[at], series[at] = value, identifier


@kernel
def _rise(data, ends, values, series, at, value, identifier):
    """Put a place at the heap's end and let it rise above those that lead it."""
    while at > 0:
        above = (at - 1) // 2
        if not _leads(data, ends, values[above], series[above], value, identifier):
            break
        values[at], series[at] = values[above], series[above]
        at = above
    values[at], series[at] = value, identifier


@kernel
def _in_order(data, ends, values, series, size):
    """Turn a heap into a list, best first."""
    for last in range(size - 1, 0, -1):
        value, identifier = values[last], series[last]
        values[last], series[last] = values[0], series[0]
        _sink(data, ends, values, series, last, value, identifier)


@kernel
def leaders(rows, starts, cell_key, cells, added, taken, data, ends, places):
    """Return of each hash and metric the series and values of the first places, how many, and a digest of them.

    A metric is the count `added` less the count `taken`, -1 for nothing. Cost: about 40 ns a cell of 20 metrics.
    """
    shape = (len(starts) - 1, len(added))
    series = np.zeros((*shape, places), np.int32)
    values = np.zeros((*shape, places), np.int64)
    sizes = np.zeros(shape, np.int64)
    digests = np.zeros(shape, np.uint64)
    for h in range(shape[0]):
        for i in range(starts[h], starts[h + 1]):
            row = rows[i]
            identifier = np.int32(cell_key[row] >> _WINDOW_BITS)
            for m in range(shape[1]):
                value = cells[row, added[m]]
                if taken[m] >= 0:
                    value -= cells[row, taken[m]]
                if value <= 0:
                    continue
                size = sizes[h, m]
                if size < places:
                    _rise(data, ends, values[h, m], series[h, m], size, value, identifier)
                    sizes[h, m] = size + 1
                elif _leads(data, ends, value, identifier, values[h, m, 0], series[h, m, 0]):
                    _sink(data, ends, values[h, m], series[h, m], size, value, identifier)
        for m in range(shape[1]):
            size = sizes[h, m]
            _in_order(data, ends, values[h, m], series[h, m], size)
            told = _SEED + np.uint64(size)
            for place in range(size):
                told = mix(told ^ np.uint64(series[h, m, place])) + _SEED
                told = mix(told ^ np.uint64(values[h, m, place])) + _SEED
            digests[h, m] = told
    return series, values, sizes, digests
