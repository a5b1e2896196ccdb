"""The inner loops that write what is stored of entities, as `schemas.features.values` reads it; compiled by numba."""

from typing import Final

import numpy as np

from schemas.features.layout import MAX, MIN
from schemas.features.value_kernels import NOTHING_GREATEST, NOTHING_LEAST
from schemas.kernels import inlined, kernel

_ONE: Final = np.uint64(1)
_SEVEN: Final = np.uint64(7)


@kernel
def _room(out, at):
    """Return a buffer with room for some numbers more."""
    if at + 64 <= len(out):
        return out
    wider = np.empty(2 * len(out) + 64, np.uint8)
    wider[:at] = out[:at]
    return wider


@inlined
def _put(out, at, value):
    while value >= np.uint64(128):
        out[at] = np.uint8((value & np.uint64(127)) | np.uint64(128))
        value = value >> _SEVEN
        at += 1
    out[at] = np.uint8(value)
    return at + 1


@inlined
def _zigzag(value):
    return (np.uint64(value) << _ONE) ^ np.uint64(value >> np.int64(63))


@kernel
def write_tiles(out, rows, bounds, newest, heads, starts, nexts, values, tile_ms, keep, ops):
    """Write the tiles of one length of some entities; those that hold nothing are left out."""
    at = 0
    for i in range(len(rows)):
        bounds[i], row, count = at, rows[i], 0
        oldest, node = newest[row] // tile_ms - keep + 1, heads[row]
        while node >= 0 and starts[node] >= oldest:
            count += _holds(values, node, ops)
            node = nexts[node]
        out = _room(out, at)
        at = _put(out, at, np.uint64(count))
        tile, node = newest[row] // tile_ms, heads[row]
        while node >= 0 and starts[node] >= oldest:
            if _holds(values, node, ops):
                out = _room(out, at + 11 * len(ops))
                at = _put(out, at, np.uint64(tile - starts[node]))
                tile = starts[node]
                for column in range(len(ops)):
                    value = values[node, column]
                    if ops[column] == MIN or ops[column] == MAX:
                        empty = value == NOTHING_LEAST or value == NOTHING_GREATEST
                        at = _put(out, at, np.uint64(0) if empty else _zigzag(value) + _ONE)
                    else:
                        at = _put(out, at, _zigzag(value))
            node = nexts[node]
    bounds[len(rows)] = at
    return out


@kernel
def _holds(values, node, ops):
    """Whether a tile holds anything: one whose events were all taken back holds nothing."""
    for column in range(len(ops)):
        value = values[node, column]
        if ops[column] == MIN or ops[column] == MAX:
            if value != NOTHING_LEAST and value != NOTHING_GREATEST:
                return 1
        elif value != 0:
            return 1
    return 0


@kernel
def write_recent(
    out, rows, bounds, newest, heads, node_time, node_value, nexts, keep_ms, texts, text_list, text_bounds
):
    """Write the recent values of some entities; texts go to a list of hashes, in their place goes their number."""
    at, told = 0, 0
    for i in range(len(rows)):
        bounds[i], text_bounds[i] = at, told
        row = rows[i]
        for slot in range(heads.shape[1]):
            out = _room(out, at)
            count, node = 0, heads[row, slot]
            while node >= 0 and node_time[node] >= newest[row] - keep_ms[slot]:
                count, node = count + 1, nexts[node]
            at = _put(out, at, np.uint64(count))
            time, node = newest[row], heads[row, slot]
            while node >= 0 and node_time[node] >= newest[row] - keep_ms[slot]:
                out = _room(out, at)
                at = _put(out, at, np.uint64(time - node_time[node]))
                time = node_time[node]
                if texts[slot]:
                    place, told, text_list = _text_place(text_list, text_bounds[i], told, node_value[node])
                    at = _put(out, at, _zigzag(np.int64(place)))
                else:
                    at = _put(out, at, _zigzag(node_value[node]))
                node = nexts[node]
    bounds[len(rows)], text_bounds[len(rows)] = at, told
    return out, text_list


@kernel
def _text_place(text_list, begin, told, value):
    """Return the number of a text among those of its entity, which it joins where it is new."""
    for place in range(begin, told):
        if text_list[place] == value:
            return place - begin, told, text_list
    if told == len(text_list):
        wider = np.empty(2 * told + 64, np.int64)
        wider[:told] = text_list
        text_list = wider
    text_list[told] = value
    return told - begin, told + 1, text_list


@kernel
def write_cells(out, rows, bounds, cells, cell_bounds, slots, tiles, values, counts, newest, tile_ms, texts, text_list,
                text_bounds_in, text_list_in):  # fmt: skip
    """Write the cells of some entities, given in order of slot, tile (newest first) and value.

    Their texts follow those that `text_list_in` has of each entity; returns buffer, texts and where each entity's begin.
    """
    at, told = 0, 0
    text_bounds = np.empty(len(rows) + 1, np.int64)
    for i in range(len(rows)):
        bounds[i], text_bounds[i] = at, told
        for place in range(text_bounds_in[i], text_bounds_in[i + 1]):
            _, told, text_list = _text_place(text_list, text_bounds[i], told, text_list_in[place])
        cell = cell_bounds[i]
        for slot in range(len(tile_ms)):
            first = cell
            while cell < cell_bounds[i + 1] and slots[cells[cell]] == slot:
                cell += 1
            out = _room(out, at)
            at = _put(out, at, np.uint64(cell - first))
            tile = newest[rows[i]] // tile_ms[slot]
            for place in range(first, cell):
                out = _room(out, at)
                held = cells[place]
                at = _put(out, at, np.uint64(tile - tiles[held]))
                tile = tiles[held]
                if texts[slot]:
                    number, told, text_list = _text_place(text_list, text_bounds[i], told, values[held])
                    at = _put(out, at, _zigzag(np.int64(number)))
                else:
                    at = _put(out, at, _zigzag(values[held]))
                at = _put(out, at, _zigzag(counts[held]))
    bounds[len(rows)], text_bounds[len(rows)] = at, told
    return out, text_list, text_bounds


@kernel
def side_by_side(one, one_bounds, other, other_bounds):
    """Put the bytes of each entity's second part behind those of its first."""
    out = np.empty(one_bounds[-1] + other_bounds[-1], np.uint8)
    bounds, at = np.empty(len(one_bounds), np.int64), 0
    for i in range(len(one_bounds) - 1):
        bounds[i] = at
        at = _copy(out, at, one, one_bounds[i], one_bounds[i + 1])
        at = _copy(out, at, other, other_bounds[i], other_bounds[i + 1])
    bounds[len(one_bounds) - 1] = at
    return out, bounds


@kernel
def _copy(out, at, data, begin, end):
    for place in range(begin, end):
        out[at] = data[place]
        at += 1
    return at


@kernel
def _put_fixed(out, at, value, size):
    """Write a number of so many bytes, the lowest first."""
    for place in range(size):
        out[at + place] = np.uint8((value >> np.uint64(8 * place)) & np.uint64(255))
    return at + size


@kernel
def records(version, newest, now_ms, tiles, tile_bounds, cells, cell_bounds, recent, recent_bounds, texts, text_bounds,
            text_ends, text_data):  # fmt: skip
    """Return the stored values of entities, as `schemas.features.values` reads them: the version, then the record."""
    head = len(version) + 28
    size = tile_bounds[-1] + cell_bounds[-1] + recent_bounds[-1] + head * len(newest)
    for place in range(len(texts)):
        row = texts[place]
        size += text_ends[row] - (text_ends[row - 1] if row else 0) + 5
    out, bounds, at = np.empty(size, np.uint8), np.empty(len(newest) + 1, np.int64), 0
    for i in range(len(newest)):
        bounds[i] = at
        at = _copy(out, at, version, 0, len(version))
        at = _put_fixed(out, at, np.uint64(newest[i]), 8)
        at = _put_fixed(out, at, np.uint64(now_ms), 8)
        at = _put_fixed(out, at, np.uint64(tile_bounds[i + 1] - tile_bounds[i]), 4)
        at = _put_fixed(out, at, np.uint64(cell_bounds[i + 1] - cell_bounds[i]), 4)
        at = _put_fixed(out, at, np.uint64(recent_bounds[i + 1] - recent_bounds[i]), 4)
        at = _copy(out, at, tiles, tile_bounds[i], tile_bounds[i + 1])
        at = _copy(out, at, cells, cell_bounds[i], cell_bounds[i + 1])
        at = _copy(out, at, recent, recent_bounds[i], recent_bounds[i + 1])
        for place in range(text_bounds[i], text_bounds[i + 1]):
            row = texts[place]
            begin = text_ends[row - 1] if row else 0
            at = _put(out, at, np.uint64(text_ends[row] - begin))
            at = _copy(out, at, text_data, begin, text_ends[row])
    bounds[len(newest)] = at
    return out[:at].copy(), bounds
