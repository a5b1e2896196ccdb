"""Stored values at a moment: tiles, sketches and recent values decoded and merged over windows, by numba.

Numbers are stored as variable-length integers, seven bits a byte, signed ones by zigzag. Tiles and cells name their
tile by how many lie between it and the tile of the entity's newest event, newest first.
"""

from typing import Final

import numpy as np

from schemas.features.layout import MAX, MIN
from schemas.kernels import kernel

REGISTER_BITS: Final = 10
REGISTERS_OF_SKETCH: Final = 1 << REGISTER_BITS
NOTHING_LEAST: Final = 2**63 - 1
NOTHING_GREATEST: Final = -(2**63)
_SEVEN: Final = np.uint64(7)
_ONE: Final = np.uint64(1)


@kernel
def read_number(data, at):
    """Return an unsigned number and where the next begins."""
    value, shift = np.uint64(0), np.uint64(0)
    while True:
        byte = data[at]
        at += 1
        value |= np.uint64(byte & 0x7F) << shift
        if byte < 128:
            return value, at
        shift += _SEVEN


@kernel
def signed(value):
    """Undo zigzag."""
    return np.int64(value >> _ONE) ^ -np.int64(value & _ONE)


@kernel
def window_values(data, begins, ends, last_ms, at_ms, tile_ms, ops, op_bounds, asked, asked_bounds, out):
    """Merge the tiles of each entity over each requested window; a window holds whole tiles at its far end.

    `asked` has columns (column, window in ms), grouped by level; `out` one row an entity.
    """
    for entity in range(len(begins)):
        at = begins[entity]
        for level in range(len(tile_ms)):
            width = op_bounds[level + 1] - op_bounds[level]
            for request in range(asked_bounds[level], asked_bounds[level + 1]):
                op = ops[op_bounds[level] + asked[request, 0]]
                out[entity, request] = NOTHING_LEAST if op == MIN else NOTHING_GREATEST if op == MAX else 0
            if at == ends[entity]:
                continue
            count, at = read_number(data, at)
            tile = last_ms[entity] // tile_ms[level]
            values = np.empty(width, np.int64)
            for _ in range(count):
                gap, at = read_number(data, at)
                tile -= np.int64(gap)
                for column in range(width):
                    number, at = read_number(data, at)
                    op = ops[op_bounds[level] + column]
                    if op == MIN or op == MAX:
                        empty = NOTHING_LEAST if op == MIN else NOTHING_GREATEST
                        values[column] = empty if number == 0 else signed(number - _ONE)
                    else:
                        values[column] = signed(number)
                for request in range(asked_bounds[level], asked_bounds[level + 1]):
                    if tile < (at_ms[entity] - asked[request, 1]) // tile_ms[level]:
                        continue
                    column = asked[request, 0]
                    op = ops[op_bounds[level] + column]
                    if op == MIN:
                        out[entity, request] = min(out[entity, request], values[column])
                    elif op == MAX:
                        out[entity, request] = max(out[entity, request], values[column])
                    else:
                        out[entity, request] += values[column]


@kernel
def decayed_values(
    data, begin, end, last_ms, at_ms, tile_ms, widths, level_wanted, column_wanted, window_ms, half_life_ms
):
    """Return a column's sum in which what is older weighs less: half at each half-life, by the middles of tiles."""
    at, total = begin, 0.0
    for level in range(len(tile_ms)):
        if at == end:
            break
        count, at = read_number(data, at)
        tile = last_ms // tile_ms[level]
        for _ in range(count):
            gap, at = read_number(data, at)
            tile -= np.int64(gap)
            for column in range(widths[level]):
                number, at = read_number(data, at)
                if level != level_wanted or column != column_wanted:
                    continue
                if tile < (at_ms - window_ms) // tile_ms[level]:
                    continue
                middle = min(tile * tile_ms[level] + tile_ms[level] // 2, at_ms)
                total += signed(number) * 0.5 ** ((at_ms - middle) / half_life_ms)
    return total


@kernel
def cells_of(data, begin, end, slot_wanted, tile_ms, last_ms):
    """Return tile, value and count of each cell of one slot, newest tile first."""
    at = begin
    for slot in range(len(tile_ms)):
        if at == end:
            break
        count, at = read_number(data, at)
        tiles, values, counts = (
            np.empty(count, np.int64),
            np.empty(count, np.int64),
            np.empty(count, np.int64),
        )
        tile = last_ms // tile_ms[slot]
        for i in range(count):
            gap, at = read_number(data, at)
            tile -= np.int64(gap)
            value, at = read_number(data, at)
            number, at = read_number(data, at)
            tiles[i], values[i], counts[i] = tile, signed(value), signed(number)
        if slot == slot_wanted:
            return tiles, values, counts
    return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)


@kernel
def distinct_values(data, begins, ends, last_ms, at_ms, tile_ms, slot, window_ms, out):
    """Estimate how many distinct values each entity's sketch holds in a window: HyperLogLog, small counts linearly.

    Flajolet et al., HyperLogLog (AofA 2007); standard error 1.04 / sqrt(registers).
    """
    registers = np.zeros(REGISTERS_OF_SKETCH, np.uint8)
    for entity in range(len(begins)):
        registers[:] = 0
        tiles, values, ranks = cells_of(data, begins[entity], ends[entity], slot, tile_ms, last_ms[entity])
        first = (at_ms[entity] - window_ms) // tile_ms[slot]
        # Few registers of an entity are set: only they are looked at. Sums of powers of two are exact in any order.
        total, empty = float(REGISTERS_OF_SKETCH), REGISTERS_OF_SKETCH
        for i in range(len(tiles)):
            before = registers[values[i]]
            if tiles[i] >= first and ranks[i] > before:
                registers[values[i]] = ranks[i]
                total += 0.5 ** ranks[i] - 0.5**before
                empty -= before == 0
        size = float(REGISTERS_OF_SKETCH)
        estimate = 0.7213 / (1 + 1.079 / size) * size * size / total
        if estimate <= 2.5 * size and empty:
            estimate = size * np.log(size / empty)
        out[entity] = np.int64(np.rint(estimate))


@kernel
def recent_values(data, begins, ends, slots, slot_wanted, most, last_ms, since_ms):
    """Return the newest values of one slot of each entity that are not older than a moment, and whose they are."""
    bounds, out, used = np.empty(len(begins) + 1, np.int64), np.empty(most * len(begins), np.int64), 0
    for entity in range(len(begins)):
        bounds[entity], at, first = used, begins[entity], used
        for slot in range(slots if at < ends[entity] else 0):
            count, at = read_number(data, at)
            time = last_ms[entity]
            for _ in range(count):
                gap, at = read_number(data, at)
                time -= np.int64(gap)
                value, at = read_number(data, at)
                if slot == slot_wanted and time >= since_ms[entity] and used < first + most:
                    out[used] = signed(value)
                    used += 1
    bounds[len(begins)] = used
    return out[:used], bounds


@kernel
def cells_in_window(data, begins, ends, slot, tile_ms, last_ms, at_ms, window_ms):
    """Return value and count of each cell of one slot in a window, newest tile first, and whose they are."""
    bounds, used = np.empty(len(begins) + 1, np.int64), 0
    out = np.empty((2, 64), np.int64)
    for entity in range(len(begins)):
        bounds[entity] = used
        tiles, values, counts = cells_of(data, begins[entity], ends[entity], slot, tile_ms, last_ms[entity])
        first = (at_ms[entity] - window_ms) // tile_ms[slot]
        for i in range(len(tiles)):
            if tiles[i] < first:
                continue
            if used == out.shape[1]:
                wider = np.empty((2, 2 * used), np.int64)
                wider[:, :used] = out
                out = wider
            out[0, used], out[1, used] = values[i], counts[i]
            used += 1
    bounds[len(begins)] = used
    return out[0, :used].copy(), out[1, :used].copy(), bounds
