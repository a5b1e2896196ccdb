"""Entities as they are stored: tiles, cells and recent values in numbers of variable length, texts once each."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from transforms.features import tile_kernels as kernels
from transforms.features.value_names import ValueNames
from transforms.state.texts import Texts

if TYPE_CHECKING:
    from transforms.features.table import EntityTable

Array = npt.NDArray[Any]

_AT_ONCE: Final = 4096
_BUFFER: Final = 1 << 16


class Encoded(NamedTuple):
    """Some entities: their ids, and of each the time of its newest event, tiles, cells, texts and recent values."""

    ids: list[str]
    newest_ms: list[int]
    tiles: list[bytes]
    cells: list[bytes]
    texts: list[list[str]]
    recent: list[bytes]


def encoded(table: "EntityTable", rows: Array, ids: Texts, names: ValueNames) -> Iterator[Encoded]:
    """Yield these entities, a bounded number at once."""
    for begin in range(0, len(rows), _AT_ONCE):
        yield _encoded(table, np.ascontiguousarray(rows[begin : begin + _AT_ONCE]), ids, names)


def _encoded(table: "EntityTable", rows: Array, ids: Texts, names: ValueNames) -> Encoded:
    newest = table.entities["newest"]
    recent, texts, text_bounds = _recent(table, rows, newest)
    cells, texts, text_bounds = _cells(table, rows, newest, texts, text_bounds)
    told = names.texts(texts[: text_bounds[-1]].view(np.uint64)) if text_bounds[-1] else []
    at = text_bounds.tolist()
    return Encoded(
        ids.take(rows).to_pylist(),
        newest[rows].tolist(),
        _tiles(table, rows, newest),
        cells,
        [told[begin:end] for begin, end in zip(at, at[1:], strict=False)],
        recent,
    )


def _tiles(table: "EntityTable", rows: Array, newest: Array) -> list[bytes]:
    """Return the tiles of each entity, length after length."""
    parts, bounds = [], np.empty(len(rows) + 1, np.int64)
    for nodes, level in zip(table.levels, table.layout.levels, strict=True):
        out = kernels.write_tiles(
            np.empty(_BUFFER, np.uint8), rows, bounds, newest, nodes.heads.reshape(-1), nodes.rows["start"], nodes.nexts,
            nodes.values, level.tile_ms, level.keep, np.array(level.columns, np.int64),
        )  # fmt: skip
        parts.append(_cut(out, bounds))
    return [b"".join(of_one) for of_one in zip(*parts, strict=True)] if parts else [b""] * len(rows)


def _recent(table: "EntityTable", rows: Array, newest: Array) -> tuple[list[bytes], Array, Array]:
    nodes, bounds, text_bounds = table.recent, np.empty(len(rows) + 1, np.int64), np.zeros(len(rows) + 1, np.int64)
    if not table.plan.recent:
        return [b""] * len(rows), np.zeros(0, np.int64), text_bounds
    keep_ms = np.array([kept.keep_ms for kept in table.layout.recent], np.int64)
    texts = np.array([kept.text for kept in table.layout.recent], np.bool_)
    out, told = kernels.write_recent(
        np.empty(_BUFFER, np.uint8), rows, bounds, newest, nodes.heads, nodes.rows["time"], nodes.rows["value"],
        nodes.nexts, keep_ms, texts, np.empty(1024, np.int64), text_bounds,
    )  # fmt: skip
    return _cut(out, bounds), told, text_bounds


def _cells(
    table: "EntityTable", rows: Array, newest: Array, texts: Array, text_bounds: Array
) -> tuple[list[bytes], Array, Array]:
    held = table.cells
    if not table.plan.slots:
        return [b""] * len(rows), texts, text_bounds
    cells, cell_bounds = held.kept(rows, newest, table.entities["cells"])
    bounds, columns = np.empty(len(rows) + 1, np.int64), held.rows
    out, texts, text_bounds = kernels.write_cells(
        np.empty(_BUFFER, np.uint8), rows, bounds, cells, cell_bounds, columns["slot"], columns["tile"],
        columns["value"], columns["count"], newest, held.tile_ms, held.texts, np.empty(1024, np.int64), text_bounds, texts,
    )  # fmt: skip
    return _cut(out, bounds), texts, text_bounds


def _cut(out: Array, bounds: Array) -> list[bytes]:
    data, at = out[: bounds[-1]].tobytes(), bounds.tolist()
    return [data[begin:end] for begin, end in zip(at, at[1:], strict=False)]

