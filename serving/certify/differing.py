"""Which rows of two tables differ: how many of each kind, and the first of them as they stand there."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa

from serving.certify.digest import BucketSums
from serving.certify.folder import Table
from serving.certify.spill import Spill, parts_of
from serving.certify.surplus import ROW, Numbers, Surplus, surplus
from serving.certify.verdict import CHANGED, ONLY_IN_A, ONLY_IN_B, Difference, Row, RowDifferences


@dataclass(frozen=True)
class Compared:
    """Two tables, the columns in which they are compared, and those that tell one row from another."""

    a: Table
    b: Table
    columns: tuple[str, ...]
    key: tuple[str, ...]


@dataclass
class _Found:
    """Counts of all that differs, and the first numbers of each kind."""

    limit: int
    counts: tuple[int, int, int] = (0, 0, 0)
    first: Surplus = field(default_factory=lambda: surplus(np.empty(0, ROW), np.empty(0, ROW)))

    def add(self, part: Surplus) -> None:
        changed, only_in_a, only_in_b = map(len, part)
        self.counts = (self.counts[0] + changed, self.counts[1] + only_in_a, self.counts[2] + only_in_b)
        self.first = Surplus(*(self._first(*both) for both in zip(self.first, part, strict=True)))

    def _first(self, held: Numbers, more: Numbers) -> Numbers:
        both = np.concatenate([held, more])
        order = np.argsort(both[:, 0] if both.ndim > 1 else both, kind="stable")
        return both[order[: self.limit]]


def differing_rows(compared: Compared, sums_a: BucketSums, sums_b: BucketSums, limit: int) -> RowDifferences:
    """Read again the buckets that differ, and say in what.

    Costs a second reading of both tables and a third up to the rows shown; on disk 32 bytes a row of the
    buckets that differ; in memory up to 350 MB, as long as no key is that of millions of rows. The rows
    shown are the first by key, where tables are sorted by it; else those that come first in their files.
    """
    if not compared.columns:
        return RowDifferences()
    parts = parts_of(sums_a.rows + sums_b.rows, sums_a.differs(sums_b))
    found = _Found(limit)
    with TemporaryDirectory(prefix="interestream-certify-") as folder:
        spills = [Spill(Path(folder) / side, parts) for side in ("a", "b")]
        for spill, table in zip(spills, (compared.a, compared.b), strict=True):
            spill.fill(table.batches(compared.columns), compared.key)
        for part in spills[0].parts:
            found.add(surplus(*(spill.part(part) for spill in spills)))
    shown = heapq.nsmallest(limit, _shown(compared, found.first), key=_order)
    changed, only_in_a, only_in_b = found.counts
    return RowDifferences(changed, only_in_a, only_in_b, tuple(shown))


def _shown(compared: Compared, first: Surplus) -> Iterator[Difference]:
    changed, only_in_a, only_in_b = first
    rows_a = _rows(compared.a, [*changed[:, 0], *only_in_a], compared.columns)
    rows_b = _rows(compared.b, [*changed[:, 1], *only_in_b], compared.columns)
    for in_a, in_b in changed.tolist():
        yield _changed(compared, rows_a[in_a], rows_b[in_b])
    for kind, numbers, rows in ((ONLY_IN_A, only_in_a, rows_a), (ONLY_IN_B, only_in_b, rows_b)):
        for row in (rows[number] for number in numbers.tolist()):
            key = {name: row[name] for name in compared.key}
            yield Difference(kind, key, *((row, None) if kind == ONLY_IN_A else (None, row)))


def _changed(compared: Compared, a: Row, b: Row) -> Difference:
    key = {name: a[name] for name in compared.key}
    others = [name for name in compared.columns if repr(a[name]) != repr(b[name])]
    return Difference(CHANGED, key, {name: a[name] for name in others}, {name: b[name] for name in others})


def _rows(table: Table, numbers: Iterable[int], columns: Sequence[str]) -> dict[int, Row]:
    """Return rows by their numbers."""
    wanted = np.unique(np.array(list(numbers), np.int64))
    if not len(wanted):
        return {}
    taken = table.take(wanted, columns)
    texts = [column.cast(pa.string()) if _is_time(column.type) else column for column in taken.columns]
    rows = pa.table(texts, taken.column_names).to_pylist()
    return dict(zip(wanted.tolist(), rows, strict=True))


def _is_time(kind: pa.DataType) -> bool:
    """Return whether it is a moment, day or span: Python's own types hold only some of them."""
    return pa.types.is_temporal(kind)


def _order(difference: Difference) -> list[tuple[bool, Any]]:
    """Order by key, nulls last, as exports are."""
    return [(value is None, _comparable(value)) for value in difference.key.values()]


def _comparable(value: Any) -> Any:
    return value if isinstance(value, str | bytes | bool | int | float) else repr(value)
