"""Entities as they are stored: tiles, cells and recent values in numbers of variable length, texts once each."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms.features import record_kernels as kernels
from transforms.features.value_names import ValueNames
from transforms.packed import Packed
from transforms.state.hashing import text_parts
from transforms.state.texts import Texts

if TYPE_CHECKING:
    from transforms.features.table import EntityTable

Array = npt.NDArray[Any]

_AT_ONCE: Final = 8192
_BUFFER: Final = 1 << 16


class Encoded(NamedTuple):
    """Some entities in order of bucket: the bucket, id, newest event and stored value of each."""

    buckets: Array
    newest_ms: Array
    ids: Packed
    values: Packed


class _Part(NamedTuple):
    """Bytes of entities, one after another, and where each one's begin."""

    data: Array
    bounds: Array


def encoded(
    table: "EntityTable", rows: Array, ids: Texts, names: ValueNames, version: bytes, now_ms: int
) -> Iterator[Encoded]:
    """Yield these entities, a bounded number at once."""
    rows = rows[np.argsort(table.entities["bucket"][rows], kind="stable")]
    for begin in range(0, len(rows), _AT_ONCE):
        yield _encoded(
            table, np.ascontiguousarray(rows[begin : begin + _AT_ONCE]), ids, names, version, now_ms
        )


def _encoded(
    table: "EntityTable", rows: Array, ids: Texts, names: ValueNames, version: bytes, now_ms: int
) -> Encoded:
    newest = table.entities["newest"]
    recent, texts, text_bounds = _recent(table, rows, newest)
    cells, texts, text_bounds = _cells(table, rows, newest, texts, text_bounds)
    told = names.places(texts[: text_bounds[-1]].view(np.uint64))
    levels, tiles = [_level(table, place, rows, newest) for place in range(len(table.levels))], _none(rows)
    for level in levels:
        tiles = _Part(*kernels.side_by_side(*tiles, *level))
    values = kernels.records(
        np.frombuffer(version, np.uint8), newest[rows], now_ms, *tiles, *cells, *recent, told, text_bounds, names.ends,
        names.data,
    )  # fmt: skip
    return Encoded(table.entities["bucket"][rows], newest[rows], _packed(ids.take(rows)), Packed(*values))


def _packed(column: pa.StringArray) -> Packed:
    bounds, data = text_parts(column)
    return Packed(data, bounds.astype(np.int64))


def _none(rows: Array) -> _Part:
    return _Part(np.zeros(0, np.uint8), np.zeros(len(rows) + 1, np.int64))


def _level(table: "EntityTable", place: int, rows: Array, newest: Array) -> _Part:
    """Return the tiles of one length."""
    nodes, level, bounds = table.levels[place], table.layout.levels[place], np.empty(len(rows) + 1, np.int64)
    out = kernels.write_tiles(
        np.empty(_BUFFER, np.uint8), rows, bounds, newest, nodes.heads.reshape(-1), nodes.rows["start"], nodes.nexts,
        nodes.values, level.tile_ms, level.keep, np.array(level.columns, np.int64),
    )  # fmt: skip
    return _Part(out, bounds)


def _recent(table: "EntityTable", rows: Array, newest: Array) -> tuple[_Part, Array, Array]:
    nodes, bounds, text_bounds = (
        table.recent,
        np.empty(len(rows) + 1, np.int64),
        np.zeros(len(rows) + 1, np.int64),
    )
    if not table.plan.recent:
        return _none(rows), np.zeros(0, np.int64), text_bounds
    keep_ms = np.array([kept.keep_ms for kept in table.layout.recent], np.int64)
    texts = np.array([kept.text for kept in table.layout.recent], np.bool_)
    out, told = kernels.write_recent(
        np.empty(_BUFFER, np.uint8), rows, bounds, newest, nodes.heads, nodes.rows["time"], nodes.rows["value"],
        nodes.nexts, keep_ms, texts, np.empty(1024, np.int64), text_bounds,
    )  # fmt: skip
    return _Part(out, bounds), told, text_bounds


def _cells(
    table: "EntityTable", rows: Array, newest: Array, texts: Array, text_bounds: Array
) -> tuple[_Part, Array, Array]:
    held = table.cells
    if not table.plan.slots:
        return _none(rows), texts, text_bounds
    cells, cell_bounds = held.kept(rows, newest, table.entities["cells"])
    bounds, columns = np.empty(len(rows) + 1, np.int64), held.rows
    out, texts, text_bounds = kernels.write_cells(
        np.empty(_BUFFER, np.uint8), rows, bounds, cells, cell_bounds, columns["slot"], columns["tile"],
        columns["value"], columns["count"], newest, held.tile_ms, held.texts, np.empty(1024, np.int64), text_bounds, texts,
    )  # fmt: skip
    return _Part(out, bounds), texts, text_bounds
