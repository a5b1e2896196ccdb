"""The inner loops over tiles, cells and recent values of entities, compiled by numba.

Tiles and recent values of an entity are lists, newest first, in one array of nodes; nodes that fall behind what is
kept go to a list of free ones. What is kept depends on the entity's newest event alone, which only moves on: so what
is left is a function of the set of events, whatever their order.
"""

from typing import Final

import numpy as np
from numba import njit

from schemas.features.layout import EARLIEST, MAX, MIN, PRESENT, REGISTERS
from schemas.features.value_kernels import NOTHING_GREATEST, NOTHING_LEAST, REGISTER_BITS
from transforms.features.fields import MISSING
from transforms.state.hashing import mix
from transforms.state.index import find_or_add

NOBODY: Final = -1
_SALT: Final = np.uint64(0x9E3779B97F4A7C15)
_REGISTER_SHIFT: Final = np.uint64(64 - REGISTER_BITS)
_ONE: Final = np.uint64(1)
_SEVEN: Final = np.uint64(7)


@njit(cache=True, nogil=True)
def combined(hashes, columns):
    """Return one hash a row of several columns; 0 where any of them is null."""
    out = hashes[columns[0]].copy()
    for place in range(1, len(columns)):
        column = hashes[columns[place]]
        for i in range(len(out)):
            if out[i] == 0 or column[i] == 0:
                out[i] = 0
            else:
                both = mix(out[i] * _SALT + column[i])
                out[i] = both if both != 0 else _ONE
    return out


@njit(cache=True, nogil=True)
def wanted(kinds, keys, bits):
    """Return the rows of events of some kinds that name an entity."""
    out = np.empty(len(kinds), np.int64)
    count = 0
    for i in range(len(kinds)):
        if keys[i] != 0 and (bits >> kinds[i]) & 1:
            out[count] = i
            count += 1
    return out[:count]


@njit(cache=True, nogil=True)
def note_newest(rows, picked, times, newest, dirty, changed):
    """Take note of the newest event of each entity, and of entities that changed; returns those newly so."""
    count = 0
    for i in range(len(rows)):
        row = rows[i]
        if row < 0:
            continue
        newest[row] = max(newest[row], times[picked[i]])
        if dirty[row] == 0:
            dirty[row] = 1
            changed[count] = row
            count += 1
    return count


@njit(cache=True, nogil=True, inline="always")
def _take_node(state, nexts):
    """Return a free node: `state` holds how many there are, and the first one that was given back (or -1)."""
    if state[1] >= 0:
        node = state[1]
        state[1] = nexts[node]
        return node
    state[0] += 1
    return state[0] - 1


@njit(cache=True, nogil=True)
def _give_back(state, nexts, node):
    """Give a list of nodes back, from this one on."""
    while node >= 0:
        following = nexts[node]
        nexts[node] = state[1]
        state[1] = node
        node = following


@njit(cache=True, nogil=True)
def _cut(heads, starts, nexts, row, oldest, state):
    """Give back the tiles of an entity that are older than is kept."""
    node = heads[row]
    while nexts[node] >= 0:
        if starts[nexts[node]] < oldest:
            _give_back(state, nexts, nexts[node])
            nexts[node] = -1
            return
        node = nexts[node]


@njit(cache=True, nogil=True)
def _tile_node(heads, starts, nexts, values, row, tile, oldest, ops, state):
    """Return the node of an entity's tile, made and put in its place where there is none."""
    before, node = -1, heads[row]
    while node >= 0 and starts[node] > tile:
        before, node = node, nexts[node]
    if node >= 0 and starts[node] == tile:
        return node
    made = _take_node(state, nexts)
    starts[made], nexts[made] = tile, node
    for column in range(len(ops)):
        op = ops[column]
        values[made, column] = NOTHING_LEAST if op == MIN else NOTHING_GREATEST if op == MAX else 0
    if before < 0:
        heads[row] = made
        _cut(heads, starts, nexts, row, oldest, state)
    else:
        nexts[before] = made
    return made


@njit(cache=True, nogil=True)
def add_to_tiles(
    rows, picked, kinds, signs, times, numbers, newest, heads, starts, nexts, values, state, tile_ms, keep, bits, fields,
    wheres, ops,
):  # fmt: skip
    """Add events to the tiles of one length; columns whose bits do not have an event's kind are left alone."""
    of_kind = np.uint64(0)
    for column in range(len(bits)):
        of_kind |= np.uint64(bits[column])
    for i in range(len(rows)):
        row = rows[i]
        event = picked[i]
        if row < 0 or (of_kind >> np.uint64(kinds[event])) & _ONE == 0:
            continue
        tile = times[event] // tile_ms
        oldest = newest[row] // tile_ms - keep + 1
        if tile < oldest:
            continue
        node = NOBODY
        for column in range(len(bits)):
            if (bits[column] >> kinds[event]) & 1 == 0:
                continue
            if wheres[column] >= 0:
                told = numbers[wheres[column], event]
                if told == MISSING or told == 0:
                    continue
            number = np.int64(1)
            if fields[column] >= 0:
                number = numbers[fields[column], event]
                if number == MISSING:
                    continue
            if node < 0:
                node = _tile_node(heads, starts, nexts, values, row, tile, oldest, ops, state)
            op = ops[column]
            if op == MIN:
                values[node, column] = min(values[node, column], number)
            elif op == MAX:
                values[node, column] = max(values[node, column], number)
            elif op == PRESENT:
                values[node, column] += signs[event]
            else:
                values[node, column] += signs[event] * number


@njit(cache=True, nogil=True)
def add_recent(rows, picked, kinds, times, events, values, wheres, newest, heads, node_time, node_event, node_value, nexts,
               state, slot, bits, keep_n, keep_ms):  # fmt: skip
    """Keep the newest values of each entity, by time and then by the event's hash; `wheres` says which events count."""
    for i in range(len(rows)):
        row, event = rows[i], picked[i]
        if row < 0 or (bits >> kinds[event]) & 1 == 0 or not wheres[event]:
            continue
        time = times[event]
        if time < newest[row] - keep_ms:
            continue
        before, node, passed = -1, heads[row, slot], 0
        while node >= 0 and (
            node_time[node] > time or (node_time[node] == time and node_event[node] > events[event])
        ):
            before, node, passed = node, nexts[node], passed + 1
        if passed >= keep_n or (node >= 0 and node_time[node] == time and node_event[node] == events[event]):
            continue
        made = _take_node(state, nexts)
        node_time[made], node_event[made], node_value[made] = time, events[event], values[event]
        nexts[made] = node
        if before < 0:
            heads[row, slot] = made
        else:
            nexts[before] = made
        last, kept = made, passed + 1
        while kept < keep_n and nexts[last] >= 0:
            last, kept = nexts[last], kept + 1
        if nexts[last] >= 0:
            _give_back(state, nexts, nexts[last])
            nexts[last] = -1


@njit(cache=True, nogil=True)
def register_of(value):
    """Return the register of a sketch that a hash falls into, and its rank there."""
    mixed = mix(value + _SALT)
    register = np.int64(mixed >> _REGISTER_SHIFT)
    rest, rank = mixed << np.uint64(REGISTER_BITS), 1
    while rank <= 64 - REGISTER_BITS and rest >> np.uint64(63) == 0:
        rest, rank = rest << _ONE, rank + 1
    return register, rank


@njit(cache=True, nogil=True)
def add_to_cells(
    rows, picked, kinds, signs, times, values, wheres, newest, heads, entity_keys, index_keys, index_rows, used, cell_key,
    cell_entity, cell_slot, cell_tile, cell_value, cell_count, nexts, slot, slot_kind, tile_ms, keep, bits,
):  # fmt: skip
    """Merge events' values into the cells of one slot; returns how many cells there are."""
    for i in range(len(rows)):
        row, event = rows[i], picked[i]
        if row < 0 or (bits >> kinds[event]) & 1 == 0 or not wheres[event]:
            continue
        tile = times[event] // tile_ms
        if tile < newest[row] // tile_ms - keep + 1:
            continue
        value, count = values[event], signs[event]
        told = np.uint64(value)
        if slot_kind == REGISTERS:
            register, count = register_of(np.uint64(value))
            value, told = register, np.uint64(register)
        elif slot_kind == EARLIEST:
            count, told = times[event], np.uint64(0)
        key = mix(mix(entity_keys[row] + _SALT * np.uint64(slot + 1)) + _SALT * np.uint64(tile) + told * np.uint64(2) + _ONE)
        before = used
        cell, used = find_or_add(index_keys, index_rows, used, key)
        if used > before:
            cell_key[cell], cell_entity[cell], cell_slot[cell], cell_tile[cell] = key, row, slot, tile
            cell_value[cell], cell_count[cell] = value, count
            nexts[cell], heads[row] = heads[row], cell
        elif slot_kind == REGISTERS:
            cell_count[cell] = max(cell_count[cell], count)
        elif slot_kind == EARLIEST:
            if count < cell_count[cell] or (count == cell_count[cell] and np.uint64(value) < np.uint64(cell_value[cell])):
                cell_count[cell], cell_value[cell] = count, value
        else:
            cell_count[cell] += count
    return used


@njit(cache=True, nogil=True)
def moved_nodes(heads, nexts, taken):
    """Put nodes of lists together, without the free ones: returns where each came from, and renumbers heads and links."""
    flat = heads.reshape(-1)
    origin, count = np.empty(taken, np.int32), 0
    for i in range(len(flat)):
        node = flat[i]
        if node >= 0:
            flat[i] = count
        while node >= 0:
            origin[count] = node
            count += 1
            node = nexts[node]
    links = np.empty(count, np.int32)
    for i in range(count):
        links[i] = i + 1 if nexts[origin[i]] >= 0 else -1
    return origin[:count].copy(), links


@njit(cache=True, nogil=True)
def linked(entities, heads):
    """Link cells to their entities anew; returns each cell's next."""
    nexts = np.empty(len(entities), np.int32)
    for cell in range(len(entities)):
        nexts[cell] = heads[entities[cell]]
        heads[entities[cell]] = cell
    return nexts


@njit(cache=True, nogil=True)
def _room(out, at):
    """Return a buffer with room for some numbers more."""
    if at + 64 <= len(out):
        return out
    wider = np.empty(2 * len(out) + 64, np.uint8)
    wider[:at] = out[:at]
    return wider


@njit(cache=True, nogil=True, inline="always")
def _put(out, at, value):
    while value >= np.uint64(128):
        out[at] = np.uint8((value & np.uint64(127)) | np.uint64(128))
        value = value >> _SEVEN
        at += 1
    out[at] = np.uint8(value)
    return at + 1


@njit(cache=True, nogil=True, inline="always")
def _zigzag(value):
    return (np.uint64(value) << _ONE) ^ np.uint64(value >> np.int64(63))


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def write_recent(out, rows, bounds, newest, heads, node_time, node_value, nexts, keep_ms, texts, text_list, text_bounds):
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def cells_kept(rows, newest, heads, nexts, cell_slot, cell_tile, cell_count, tile_ms, keep, kinds, bounds):
    """Return the cells of some entities that hold something; `bounds` says which are whose."""
    out, at = np.empty(1024, np.int64), 0
    for i in range(len(rows)):
        bounds[i] = at
        cell = heads[rows[i]]
        while cell >= 0:
            slot = cell_slot[cell]
            newest_tile = newest[rows[i]] // tile_ms[slot]
            if cell_tile[cell] > newest_tile - keep[slot] and (cell_count[cell] != 0 or kinds[slot] == EARLIEST):
                if at == len(out):
                    wider = np.empty(2 * at, np.int64)
                    wider[:at] = out
                    out = wider
                out[at] = cell
                at += 1
            cell = nexts[cell]
    bounds[len(rows)] = at
    return out[:at].copy()


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _copy(out, at, data, begin, end):
    for place in range(begin, end):
        out[at] = data[place]
        at += 1
    return at


@njit(cache=True, nogil=True)
def _put_fixed(out, at, value, size):
    """Write a number of so many bytes, the lowest first."""
    for place in range(size):
        out[at + place] = np.uint8((value >> np.uint64(8 * place)) & np.uint64(255))
    return at + size


@njit(cache=True, nogil=True)
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
