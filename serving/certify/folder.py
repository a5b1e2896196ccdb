"""The tables of an export as they stand on disk: `NAME.parquet`, or in several files.

The parts of a table are `NAME.parquet`, `NAME-0.parquet`, `NAME-1.parquet` … beside each other, or any Parquet
files in a folder `NAME` or `NAME.parquet`.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from schemas.errors import UsageError
from serving.certify.kinds import kind_name, plain, plain_kind

BATCH_ROWS: Final = 65_536
_SUFFIX: Final = ".parquet"
_PART: Final = re.compile(r"(.+?)(?:[-._](?:part[-_]?)?\d+)?\.parquet")


@dataclass(frozen=True)
class Table:
    """One table's files; columns in the order of the first."""

    name: str
    parts: tuple[Path, ...]

    @cached_property
    def kinds(self) -> dict[str, pa.DataType]:
        """The columns and their types, without the layout; raises UsageError if parts disagree."""
        return _agreed(self.parts)

    @cached_property
    def rows(self) -> int:
        """How many rows there are, from the files' own footers."""
        return sum(_read(pq.read_metadata, path).num_rows for path in self.parts)

    def batches(self, columns: Collection[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns of all rows; memory holds one batch and the pages it comes from."""
        for path in self.parts:
            with _reading(path), pq.ParquetFile(path) as file:
                yield from file.iter_batches(BATCH_ROWS, columns=list(columns))

    def take(self, rows: NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
        """Return the rows with these numbers, ascending, counted through the parts in their order."""
        begin, found = 0, []
        for batch in self._around(rows, columns):
            wanted = rows[(rows >= begin) & (rows < begin + batch.num_rows)] - begin
            if len(wanted):
                chosen = batch.take(pa.array(wanted)).select(list(columns))
                found.append(pa.table([plain(column) for column in chosen.columns], list(columns)))
            begin += batch.num_rows
        return pa.concat_tables(found)

    def _around(self, rows: NDArray[np.int64], columns: Collection[str]) -> Iterator[pa.RecordBatch]:
        left = int(rows.max()) + 1
        for batch in self.batches(columns):
            if left <= 0:
                return
            left -= batch.num_rows
            yield batch


def read_tables(folder: Path) -> dict[str, Table]:
    """Return the tables of an export by name; raises UsageError where there are none."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise UsageError(f"{folder} {what}; name a folder that `interestream export` wrote.")
    parts: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        inner = sorted(path.glob(f"*{_SUFFIX}")) if path.is_dir() else []
        named = _PART.fullmatch(path.name)
        name = path.name.removesuffix(_SUFFIX) if path.is_dir() else named[1] if named else ""
        if name and (path.is_file() or inner):
            parts.setdefault(name, []).extend(inner or [path])
    if not parts:
        raise UsageError(f"{folder} holds no Parquet files; name a folder that `interestream export` wrote.")
    return {name: Table(name, tuple(paths)) for name, paths in parts.items()}


def _agreed(parts: Sequence[Path]) -> dict[str, pa.DataType]:
    schemas = [_read(pq.read_schema, path) for path in parts]
    named = [{field.name: kind_name(field.type) for field in schema} for schema in schemas]
    for path, schema, kinds in zip(parts, schemas, named, strict=True):
        if len(kinds) < len(schema.names):
            raise UsageError(f"{path} has two columns of one name: {', '.join(schema.names)}.")
        if kinds != named[0]:
            other = dict(named[0].items() ^ kinds.items())
            raise UsageError(
                f"{path} and {parts[0]} are parts of one table, but not alike in: {', '.join(sorted(other))}."
            )
    return {field.name: plain_kind(field.type) for field in schemas[0]}


def _read(what: Callable[[Path], Any], path: Path) -> Any:
    with _reading(path):
        return what(path)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise UsageError(
            f"{path} cannot be read as Parquet: {error}. Export it again, or name another folder."
        ) from error
