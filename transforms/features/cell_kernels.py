"""The inner loops over cells: counts of values and registers of sketches by entity, slot and tile, compiled by numba."""

from typing import Final

import numpy as np

from schemas.features.layout import EARLIEST, REGISTERS
from schemas.features.value_kernels import REGISTER_BITS
from schemas.kernels import kernel
from transforms.state.hashing import mix
from transforms.state.index import find_or_add

_SALT: Final = np.uint64(0x9E3779B97F4A7C15)
_REGISTER_SHIFT: Final = np.uint64(64 - REGISTER_BITS)
_ONE: Final = np.uint64(1)


@kernel
def register_of(value):
    """Return the register of a sketch that a hash falls into, and its rank there."""
    mixed = mix(value + _SALT)
    register = np.int64(mixed >> _REGISTER_SHIFT)
    rest, rank = mixed << np.uint64(REGISTER_BITS), 1
    while rank <= 64 - REGISTER_BITS and rest >> np.uint64(63) == 0:
        rest, rank = rest << _ONE, rank + 1
    return register, rank


@kernel
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
        key = mix(
            mix(entity_keys[row] + _SALT * np.uint64(slot + 1))
            + _SALT * np.uint64(tile)
            + told * np.uint64(2)
            + _ONE
        )
        before = used
        cell, used = find_or_add(index_keys, index_rows, used, key)
        if used > before:
            cell_key[cell], cell_entity[cell], cell_slot[cell], cell_tile[cell] = key, row, slot, tile
            cell_value[cell], cell_count[cell] = value, count
            nexts[cell], heads[row] = heads[row], cell
        elif slot_kind == REGISTERS:
            cell_count[cell] = max(cell_count[cell], count)
        elif slot_kind == EARLIEST:
            if count < cell_count[cell] or (
                count == cell_count[cell] and np.uint64(value) < np.uint64(cell_value[cell])
            ):
                cell_count[cell], cell_value[cell] = count, value
        else:
            cell_count[cell] += count
    return used


@kernel
def linked(entities, heads):
    """Link cells to their entities anew; returns each cell's next."""
    nexts = np.empty(len(entities), np.int32)
    for cell in range(len(entities)):
        nexts[cell] = heads[entities[cell]]
        heads[entities[cell]] = cell
    return nexts


@kernel
def cells_kept(rows, newest, heads, nexts, cell_slot, cell_tile, cell_count, tile_ms, keep, kinds, bounds):
    """Return the cells of some entities that hold something; `bounds` says which are whose."""
    out, at = np.empty(1024, np.int64), 0
    for i in range(len(rows)):
        bounds[i] = at
        cell = heads[rows[i]]
        while cell >= 0:
            slot = cell_slot[cell]
            newest_tile = newest[rows[i]] // tile_ms[slot]
            if cell_tile[cell] > newest_tile - keep[slot] and (
                cell_count[cell] != 0 or kinds[slot] == EARLIEST
            ):
                if at == len(out):
                    wider = np.empty(2 * at, np.int64)
                    wider[:at] = out
                    out = wider
                out[at] = cell
                at += 1
            cell = nexts[cell]
    bounds[len(rows)] = at
    return out[:at].copy()
