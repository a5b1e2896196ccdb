"""`CellTable`: absolute values of one family of figures, per (group, id, window), ready to publish.

A group is a scope or an attribution model; a series is one (group, id). Each minute's addends go to its
minute, hour, day and total at once. Cells whose window can no longer change are dropped after they were
published, except totals; the published value stays in Redis.

>>> import pyarrow as pa
>>> from transforms.metrics.partials import partials_batch
>>> table = CellTable("t", width=1, timezone="UTC", horizon_ms=0)
>>> adds = partials_batch("t", np.zeros(2), pa.array(["x", "x"]), np.array([61, 62]), np.array([[1], [5]]))
>>> _ = table.merge(adds)
>>> [(w, s, v[0]) for w, s, _, v in table.rows()]
[('minute', 3660000, 1), ('hour', 3600000, 6), ('day', 0, 6), ('total', -1, 6), ('minute', 3720000, 5)]
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.metrics import TOTAL_START, WINDOWS
from transforms import views
from transforms.event_view import MINUTE_MS
from transforms.metrics import board_kernels, kernels
from transforms.metrics.cell_users import Cells, CellUsers
from transforms.metrics.kernels import KIND_BITS, KINDS, START_BITS
from transforms.metrics.packing import pack_rows, pack_texts
from transforms.metrics.windows import TOTAL, DayStarts, ends_by
from transforms.packed import Packed
from transforms.state import spill
from transforms.state.columns import Columns
from transforms.state.hashing import hash_text
from transforms.state.index import HashIndex
from transforms.state.texts import Texts

_FLUSH_ROWS: Final = 50_000
_MOST_GROUPS: Final = 128
_EVICT_SHARE: Final = 0.5
_EVICT_LEAST: Final = 10_000
_EVICT_GROWTH: Final = 1.125
"""Looking reads all cells, so it waits until there are an eighth more."""


class Published(NamedTuple):
    """What one write holds: a group's window, and the new values of some ids in it."""

    group: int
    window: str
    start_ms: int
    fields: Packed
    values: Packed


class Stored(NamedTuple):
    """One stored hash of cells: a group's window."""

    group: int
    window: str
    start_ms: int


class Leaders(NamedTuple):
    """The first places of stored hashes by metrics: series and values, how many there are, a digest of them."""

    series: npt.NDArray[np.int32]
    values: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    digests: npt.NDArray[np.uint64]


class CellTable:
    """All cells of one family in one shard."""

    def __init__(
        self,
        family: str,
        width: int,
        timezone: str,
        horizon_ms: int,
        longer_ms: Mapping[int, int] | None = None,
        users: CellUsers | None = None,
    ) -> None:
        """`longer_ms` says of which groups cells may change for longer than `horizon_ms` after their window.

        `width` counts all integers of a cell, those that are set by its `users` too.
        """
        self._users = users
        self.family, self._width = family, width
        self._horizons_ms = np.full(_MOST_GROUPS, horizon_ms, np.int64)
        for group, horizon in (longer_ms or {}).items():
            self._horizons_ms[group] = horizon
        self._day_starts = DayStarts(timezone)
        self._series_index, self._cell_index = HashIndex(), HashIndex()
        self._series = Columns(group=np.int8)
        self._fields = Texts()
        self._cells = Columns(key=np.int64, dirty=np.uint8)
        self._values = np.zeros((0, width), np.int64)
        self._changed, self._changes = np.zeros(0, np.int32), 0
        self._look_from = 0

    def __len__(self) -> int:
        return len(self._cells)

    def merge(self, adds: pa.RecordBatch) -> Cells:
        """Add one batch of partial sums; about 0.2 µs a row. Returns each row's cells, valid until cells are dropped."""
        count = adds.num_rows
        cells_of = np.empty((count, KINDS), np.int32)
        if not count:
            return cells_of
        self._reserve(count)
        ids, minutes = adds["id"], views.numbers(adds["minute"], np.int64)
        known, new_at = len(self._series_index), np.empty(count, np.int32)
        series, cells, self._changes = kernels.merge(
            self._series_index.keys, self._series_index.rows, known, self._series.raw("group"), new_at,
            self._cell_index.keys, self._cell_index.rows, len(self._cell_index),
            self._cells.raw("key"), self._cells.raw("dirty"), self._values, self._changed, self._changes,
            hash_text(ids), views.numbers(adds["group"], np.int8), minutes, self._day_starts(minutes),
            views.vectors(adds[self.family]), self._users is not None, cells_of,
        )  # fmt: skip
        for held, length in (
            (self._series_index, series), (self._series, series), (self._cell_index, cells), (self._cells, cells)
        ):  # fmt: skip
            held.grown_to(length)
        if series > known:
            self._fields.extend(ids.take(pa.array(new_at[: series - known])))
        return cells_of

    def find(self, sums: pa.RecordBatch) -> Cells:
        """Return the cells of partial sums as `merge` would, -1 where there is none; merges nothing."""
        minutes = views.numbers(sums["minute"], np.int64)
        found: Cells = kernels.find(
            self._series_index.keys, self._series_index.rows, self._cell_index.keys, self._cell_index.rows,
            hash_text(sums["id"]), views.numbers(sums["group"], np.int8), minutes, self._day_starts(minutes),
        )  # fmt: skip
        return found

    @property
    def values(self) -> npt.NDArray[np.int64]:
        """The values of all cells, by row; valid until the next merge."""
        return self._values

    def add_users(self, users: pa.RecordBatch, cells_of: Cells) -> None:
        """Add users to the cells of the sums that were merged last, as `merge` returned them."""
        if self._users and users.num_rows:
            self._users.add(users, cells_of)

    def add_reached(self, reached: pa.RecordBatch, cells_of: Cells) -> None:
        """Add users with a touch to the cells of the sums that were merged last, as `merge` returned them."""
        if self._users and reached.num_rows:
            self._users.add_reached(reached, cells_of)

    def _reserve(self, count: int) -> None:
        self._series_index.reserve(count)
        self._series.reserve(count)
        self._cell_index.reserve(KINDS * count)
        self._cells.reserve(KINDS * count)
        needed = len(self._cells) + KINDS * count
        if len(self._values) < needed:
            held = self._values.reshape(-1)
            self._values = spill.grown(held, needed * self._width).reshape(-1, self._width)
        if len(self._changed) < needed:
            self._changed = spill.grown(self._changed, needed)
        if self._users:
            self._users.reserve(needed)

    def _unpack(self, rows: Any) -> tuple[Any, npt.NDArray[np.int8], npt.NDArray[np.int64]]:
        keys = self._cells["key"][rows]
        kinds = ((keys >> START_BITS) & ((1 << KIND_BITS) - 1)).astype(np.int8)
        return keys >> (START_BITS + KIND_BITS), kinds, keys & ((1 << START_BITS) - 1)

    def take_dirty(self, version: bytes) -> Iterator[Published]:
        """Yield every changed cell's absolute value, grouped as it is stored, and call it clean."""
        rows = np.sort(self._changed[: self._changes])
        self._cells["dirty"][rows] = 0
        self._changes = 0
        if self._users:
            self._users.estimate(rows, self._values)
            self._touched(rows)
        yield from self._as_stored(rows, version)

    def _touched(self, rows: Any) -> None:
        """Tell the users which of these rows' windows end."""
        if self._users:
            kinds = self._unpack(rows)[1]
            self._users.touched(np.arange(len(self._cells))[rows][kinds != TOTAL])

    def _freeze(self, watermark_ms: int) -> None:
        if self._users:
            _, kinds, starts = self._unpack(self._users.warm)
            self._users.freeze(ends_by(kinds, starts) <= watermark_ms // MINUTE_MS)

    def _as_stored(self, rows: npt.NDArray[np.int32], version: bytes) -> Iterator[Published]:
        numbers, hashes = kernels.number_hashes(rows, self._cells["key"], self._series["group"])
        ordered, starts = kernels.gathered(rows, numbers, np.argsort(np.argsort(hashes)))
        hashes.sort()
        for begin in range(0, len(ordered), _FLUSH_ROWS):
            part = ordered[begin : begin + _FLUSH_ROWS]
            yield from self._published(part, starts - begin, hashes, version)

    def _published(
        self, rows: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], hashes: Any, version: bytes
    ) -> Iterator[Published]:
        """Pack some cells; `starts` says where each stored hash's cells begin, which may be before or behind them."""
        fields = pack_texts(self._fields.take(self._cells["key"][rows] >> (START_BITS + KIND_BITS)))
        values = pack_rows(version, self._values, rows)
        for number, (a, b) in enumerate(pairwise(np.clip(starts, 0, len(rows)).tolist())):
            if a == b:
                continue
            yield Published(*_stored(int(hashes[number])), fields.part(a, b), values.part(a, b))

    def leaders(
        self,
        wanted: Sequence[Stored],
        added: npt.NDArray[np.int64],
        taken: npt.NDArray[np.int64],
        places: int,
    ) -> Leaders:
        """Rank the ids of stored hashes, none of minutes, by the count in a column less that in another (-1: none)."""
        numbers = np.array([_number(stored) for stored in wanted], np.int64)
        order = np.argsort(numbers)
        keys = self._cells["key"]
        rows, starts = board_kernels.rows_of(numbers[order], keys, self._series["group"])
        found = board_kernels.leaders(
            rows, starts, keys, self._values, added, taken, self._fields.data, self._fields.ends, places
        )
        back = np.argsort(order)
        return Leaders(*(part[back] for part in found))

    def ids(self, series: npt.NDArray[np.int32]) -> Packed:
        """Return the ids of some series."""
        return pack_texts(self._fields.take(series))

    def rows(self) -> Iterator[tuple[str, int, bytes, list[int]]]:
        """Yield (window, start_ms, id, values) of every cell held; for tests and inspection."""
        series, kinds, starts = self._unpack(slice(None))
        for row, (s, k, start) in enumerate(zip(series, kinds, starts, strict=True)):
            start_ms = TOTAL_START if k == TOTAL else int(start) * MINUTE_MS
            yield WINDOWS[k], start_ms, self._fields[s].encode(), self._values[row].tolist()

    def mark_all(self) -> None:
        """Call every cell held changed."""
        self._cells["dirty"][:] = 1
        self._find_changed()

    def closed(self, watermark_ms: int) -> list[Stored]:
        """Return the stored hashes that the next `evict` drops: none unless it is time, and worth it."""
        rows = self._closed(watermark_ms)
        _, hashes = kernels.number_hashes(rows, self._cells["key"], self._series["group"])
        return sorted(_stored(number) for number in hashes.tolist())

    def _closed(self, watermark_ms: int) -> npt.NDArray[np.int32]:
        """Return clean cells whose window can no longer change, once they are half of what is held."""
        if len(self._cells) < max(_EVICT_LEAST, self._look_from):
            return np.zeros(0, np.int32)
        series, kinds, starts = self._unpack(slice(None))
        closed_before = (watermark_ms - self._horizons_ms[self._series["group"][series]]) // MINUTE_MS
        closed = (ends_by(kinds, starts) <= closed_before) & (self._cells["dirty"] == 0)
        if closed.sum() < _EVICT_SHARE * len(closed):
            self._look_from = int(len(self._cells) * _EVICT_GROWTH)
            return np.zeros(0, np.int32)
        return np.flatnonzero(closed).astype(np.int32)

    def evict(self, watermark_ms: int, version: bytes) -> Iterator[Published]:
        """Drop clean cells whose window can no longer change, once they are half of what is held; yield them first."""
        self._freeze(watermark_ms)
        closed = self._closed(watermark_ms)
        if not len(closed):
            return
        yield from self._as_stored(closed, version)
        left = np.ones(len(self._cells), bool)
        left[closed] = False
        self._keep(np.flatnonzero(left))
        self._look_from = int(len(self._cells) * _EVICT_GROWTH)

    def _keep(self, rows: npt.NDArray[np.int64]) -> None:
        self._values = self._values[: len(self._cells)][rows]
        if self._users:
            self._users.keep(rows, len(self._cells))
        self._cells.keep(rows)
        self._cell_index = HashIndex()
        self._cell_index.rows_of(kernels.mix_keys(self._cells["key"]))
        self._touched(slice(None))
        self._find_changed()

    def _find_changed(self) -> None:
        self._changed = np.flatnonzero(self._cells["dirty"]).astype(np.int32)
        self._changes = len(self._changed)

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {
            "series": self._series.state(),
            "fields": self._fields.state(),
            "series_index": self._series_index.state(),
            "cells": self._cells.state(),
            "values": self._values[: len(self._cells)],
            **({"users": self._users.state(len(self._cells))} if self._users else {}),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`; all of it counts as changed, so that it is published again."""
        self._series.load(state["series"])
        self._fields.load(state["fields"])
        self._series_index.load(state["series_index"])
        self._cells.load(state["cells"])
        self._values = np.array(state["values"]).reshape(-1, self._width)
        self._cell_index = HashIndex()
        self._cell_index.rows_of(kernels.mix_keys(self._cells["key"]))
        if self._users:
            self._users.load(state["users"])
            self._touched(slice(None))
        self.mark_all()


def _stored(number: int) -> Stored:
    """Return which stored hash a number stands for, as kernels have them."""
    kind = (number >> START_BITS) & ((1 << KIND_BITS) - 1)
    start_ms = TOTAL_START if kind == TOTAL else (number & ((1 << START_BITS) - 1)) * MINUTE_MS
    return Stored(number >> (START_BITS + KIND_BITS), WINDOWS[kind], start_ms)


def _number(stored: Stored) -> int:
    start = 0 if stored.window == WINDOWS[TOTAL] else stored.start_ms // MINUTE_MS
    return (((stored.group << KIND_BITS) | WINDOWS.index(stored.window)) << START_BITS) | start
