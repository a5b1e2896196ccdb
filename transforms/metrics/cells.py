"""`CellTable`: absolute values of one family of figures, per (group, id, window), ready to publish.

A group is a scope or an attribution model; a series is one (group, id). Each minute's addends go to its
minute, hour, day and total at once. Cells whose window can no longer change are dropped after they were
published, except totals; the published value stays in Redis.

>>> import pyarrow as pa
>>> from transforms.metrics.partials import partials_batch
>>> table = CellTable("t", width=1, timezone="UTC", horizon_ms=0)
>>> adds = partials_batch("t", np.zeros(2), pa.array(["x", "x"]), np.array([61, 62]), np.array([[1], [5]]))
>>> table.merge(adds)
>>> [(w, s, v[0]) for w, s, _, v in table.rows()]
[('minute', 3660000, 1), ('minute', 3720000, 5), ('hour', 3600000, 6), ('day', 0, 6), ('total', -1, 6)]
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from schemas.metrics import TOTAL_START, WINDOWS
from transforms.metrics.packing import pack_rows
from transforms.metrics.partials import MINUTE_MS
from transforms.metrics.windows import DAY, HOUR, MINUTE, TOTAL, DayStarts, ends_by
from transforms.state import spill
from transforms.state.columns import Columns
from transforms.state.hashing import hash_text, mix
from transforms.state.index import HashIndex

_KIND_BITS: Final = 2
_START_BITS: Final = 28
_FLUSH_ROWS: Final = 50_000
_EVICT_SHARE: Final = 0.5
_EVICT_LEAST: Final = 10_000


class Published(NamedTuple):
    """What one write holds: a group's window, and the new values of some ids in it."""

    group: int
    window: str
    start_ms: int
    fields: list[bytes]
    values: list[bytes]


@njit(cache=True, nogil=True)
def _mix_keys(keys):
    out = np.empty(len(keys), np.uint64)
    for i in range(len(keys)):
        out[i] = mix(np.uint64(keys[i]))
    return out


@njit(cache=True, nogil=True)
def _series_hashes(hashes, groups):
    out = np.empty(len(hashes), np.uint64)
    for i in range(len(hashes)):
        out[i] = mix(hashes[i] + np.uint64(groups[i] + 1))
    return out


@njit(cache=True, nogil=True)
def _add(values, dirty, rows, adds, repeat):
    """Add each addend to its row in every window kind; `rows` holds one block a window kind."""
    for i in range(len(rows)):
        row = rows[i]
        dirty[row] = 1
        for k in range(adds.shape[1]):
            values[row, k] += adds[i % repeat, k]


class CellTable:
    """All cells of one family in one shard."""

    def __init__(self, family: str, width: int, timezone: str, horizon_ms: int) -> None:
        self.family, self._width, self._horizon_ms = family, width, horizon_ms
        self._day_starts = DayStarts(timezone)
        self._series_index, self._cell_index = HashIndex(), HashIndex()
        self._series = Columns(group=np.int8)
        self._fields: list[bytes] = []
        self._cells = Columns(key=np.int64, dirty=np.uint8)
        self._values = np.zeros((0, width), np.int64)
        self._evicted_at = 0

    def __len__(self) -> int:
        return len(self._cells)

    def merge(self, adds: pa.RecordBatch) -> None:
        """Add one batch of partial sums; about 0.5 µs a row."""
        if not adds.num_rows:
            return
        series = self._series_of(adds["group"].to_numpy(), adds["id"])
        minutes = adds["minute"].to_numpy()
        keys = np.concatenate([self._keys(series, kind, starts) for kind, starts in self._windows(minutes)])
        rows = self._rows_of(keys)
        vector = adds[self.family]
        addends = vector.flatten().to_numpy().reshape(-1, self._width)
        _add(self._values, self._cells["dirty"], rows, addends, len(series))

    def _series_of(self, groups: npt.NDArray[np.int8], ids: pa.StringArray) -> npt.NDArray[np.int32]:
        known = len(self._series_index)
        series = self._series_index.rows_of(_series_hashes(hash_text(ids), groups))
        if len(self._series_index) > known:
            _, first = np.unique(series, return_index=True)
            new = first[series[first] >= known]
            self._series.extend(len(new), group=groups[new])
            self._fields.extend(text.encode() for text in ids.take(pa.array(new)).to_pylist())
        return series

    def _windows(self, minutes: npt.NDArray[np.int64]) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        yield MINUTE, minutes
        yield HOUR, minutes - minutes % 60
        yield DAY, self._day_starts(minutes)
        yield TOTAL, np.zeros_like(minutes)

    def _keys(self, series: npt.NDArray[np.int32], kind: int, starts: npt.NDArray[np.int64]) -> Any:
        return (((series.astype(np.int64) << _KIND_BITS) | kind) << _START_BITS) | starts

    def _rows_of(self, keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        known = len(self._cell_index)
        rows = self._cell_index.rows_of(_mix_keys(keys))
        more = len(self._cell_index) - known
        if more:
            self._cells.extend(more)
            self._cells["key"][rows] = keys
            if len(self._values) < len(self._cells):
                needed = max(1024, len(self._cells))
                self._values = spill.grown(self._values.reshape(-1), needed * self._width).reshape(
                    -1, self._width
                )
        return rows

    def _unpack(self, rows: Any) -> tuple[Any, npt.NDArray[np.int8], npt.NDArray[np.int64]]:
        keys = self._cells["key"][rows]
        kinds = ((keys >> _START_BITS) & ((1 << _KIND_BITS) - 1)).astype(np.int8)
        return keys >> (_START_BITS + _KIND_BITS), kinds, keys & ((1 << _START_BITS) - 1)

    def take_dirty(self, version: bytes) -> Iterator[Published]:
        """Yield every changed cell's absolute value, grouped as it is stored, and call it clean."""
        dirty = np.flatnonzero(self._cells["dirty"])
        self._cells["dirty"][dirty] = 0
        series, kinds, starts = self._unpack(dirty)
        order = np.lexsort((starts, kinds, self._series["group"][series]))
        for begin in range(0, len(order), _FLUSH_ROWS):
            yield from self._groups(dirty[order[begin : begin + _FLUSH_ROWS]], version)

    def _groups(self, rows: npt.NDArray[np.int64], version: bytes) -> Iterator[Published]:
        series, kinds, starts = self._unpack(rows)
        groups = self._series["group"][series]
        packed = pack_rows(version, self._values, rows)
        fields = [self._fields[s] for s in series.tolist()]
        changes = (np.diff(groups) != 0) | (np.diff(kinds) != 0) | (np.diff(starts) != 0)
        bounds = [0, *(np.flatnonzero(changes) + 1).tolist(), len(rows)]
        for a, b in pairwise(bounds):
            start_ms = TOTAL_START if kinds[a] == TOTAL else int(starts[a]) * MINUTE_MS
            yield Published(int(groups[a]), WINDOWS[kinds[a]], start_ms, fields[a:b], packed[a:b])

    def rows(self) -> Iterator[tuple[str, int, bytes, list[int]]]:
        """Yield (window, start_ms, id, values) of every cell held; for tests and inspection."""
        series, kinds, starts = self._unpack(slice(None))
        for row, (s, k, start) in enumerate(zip(series, kinds, starts, strict=True)):
            start_ms = TOTAL_START if k == TOTAL else int(start) * MINUTE_MS
            yield WINDOWS[k], start_ms, self._fields[s], self._values[row].tolist()

    def evict(self, watermark_ms: int) -> None:
        """Drop clean cells whose window can no longer change, once they are half of what is held."""
        if len(self._cells) < max(_EVICT_LEAST, 2 * self._evicted_at):
            return
        _, kinds, starts = self._unpack(slice(None))
        closed_before = (watermark_ms - self._horizon_ms) // MINUTE_MS
        closed = (ends_by(kinds, starts) <= closed_before) & (self._cells["dirty"] == 0)
        if closed.sum() >= _EVICT_SHARE * len(closed):
            self._keep(np.flatnonzero(~closed))
        self._evicted_at = max(len(self._cells) // 2, _EVICT_LEAST // 2)

    def _keep(self, rows: npt.NDArray[np.int64]) -> None:
        self._values = self._values[: len(self._cells)][rows]
        self._cells.keep(rows)
        self._cell_index = HashIndex()
        self._cell_index.rows_of(_mix_keys(self._cells["key"]))

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {
            "series": self._series.state(),
            "fields": list(self._fields),
            "series_index": self._series_index.state(),
            "cells": self._cells.state(),
            "values": self._values[: len(self._cells)],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`; all of it counts as changed, so that it is published again."""
        self._series.load(state["series"])
        self._fields = list(state["fields"])
        self._series_index.load(state["series_index"])
        self._cells.load(state["cells"])
        self._cells["dirty"][:] = 1
        self._values = np.array(state["values"]).reshape(-1, self._width)
        self._cell_index = HashIndex()
        self._cell_index.rows_of(_mix_keys(self._cells["key"]))
