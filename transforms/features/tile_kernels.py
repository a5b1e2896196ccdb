"""The inner loops over tiles and recent values of entities, compiled by numba.

Tiles and recent values of an entity are lists, newest first, in one array of nodes; nodes that fall behind what is
kept go to a list of free ones. What is kept depends on the entity's newest event alone, which only moves on: so what
is left is a function of the set of events, whatever their order.
"""

from typing import Final

import numpy as np

from schemas.features.layout import MAX, MIN, PRESENT
from schemas.features.value_kernels import NOTHING_GREATEST, NOTHING_LEAST
from schemas.kernels import inlined, kernel
from transforms.features.fields import MISSING

NOBODY: Final = -1
_ONE: Final = np.uint64(1)


@inlined
def _take_node(state, nexts):
    """Return a free node: `state` holds how many there are, and the first one that was given back (or -1)."""
    if state[1] >= 0:
        node = state[1]
        state[1] = nexts[node]
        return node
    state[0] += 1
    return state[0] - 1


@kernel
def _give_back(state, nexts, node):
    """Give a list of nodes back, from this one on."""
    while node >= 0:
        following = nexts[node]
        nexts[node] = state[1]
        state[1] = node
        node = following


@kernel
def _cut(heads, starts, nexts, row, oldest, state):
    """Give back the tiles of an entity that are older than is kept."""
    node = heads[row]
    while nexts[node] >= 0:
        if starts[nexts[node]] < oldest:
            _give_back(state, nexts, nexts[node])
            nexts[node] = -1
            return
        node = nexts[node]


@kernel
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


@kernel
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


@kernel
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


@kernel
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
