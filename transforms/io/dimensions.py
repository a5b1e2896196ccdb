"""Dimension files: one table a file, as Parquet, CSV or JSON lines, read once a process and again when they change."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from schemas.dimensions import DIMENSIONS
from schemas.errors import SourceError
from schemas.metrics import published_further, published_scopes
from transforms.dimensions import DimensionRows, conformed

LOOK_EVERY_S: Final = 5.0
"""How long changed files may go unnoticed."""
READ: Final = ("items", "creators", "merchants", "ad_plans")
"""The dimensions that figures are made from."""


def _read_csv(path: str, name: str) -> pa.Table:
    """Read text as it stands (`007` is no number, `NA` a name); a field with nothing in it is null."""
    texts = {field.name: field.type for field in DIMENSIONS[name] if pa.types.is_string(field.type)}
    options = pyarrow.csv.ConvertOptions(column_types=texts, null_values=[""], strings_can_be_null=True)
    return pyarrow.csv.read_csv(path, convert_options=options)


_READERS: Final[dict[str, Callable[[str, str], pa.Table]]] = {
    ".parquet": lambda path, _: pq.read_table(path),
    ".csv": _read_csv,
    ".jsonl": lambda path, _: pyarrow.json.read_json(path),
}
_LOG: Final = logging.getLogger(__name__)


def dimension_file(folder: Path, name: str) -> Path | None:
    """Return the file of one dimension, None where the folder has none."""
    found = (folder / f"{name}{suffix}" for suffix in _READERS)
    return next((path for path in found if path.exists()), None)


def read_dimension(folder: Path, name: str) -> pa.Table | None:
    """Return one dimension with its declared columns, None where the folder has no such file.

    Raises SourceError for a file that cannot be read or has a column of another kind.
    """
    path = dimension_file(folder, name)
    if path is None:
        return None
    try:
        return conformed(_READERS[path.suffix](str(path), name), name)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"The dimension {path} cannot be read: it has {error}.") from error


@dataclass(frozen=True)
class Dimensions:
    """Where the dimensions are, and which are given: what travels to every worker, which reads them there itself.

    Which scopes are published is decided where the job is composed; rows may change while it runs. `rows` costs a
    comparison, every few seconds a look at each file.

    >>> Dimensions().rows().scopes[-2:]
    ('campaign', 'fact_channel')
    """

    folder: Path | None = None
    given: tuple[str, ...] = ()

    @classmethod
    def of(cls, folder: Path | None) -> "Dimensions":
        """Return what a folder gives."""
        if folder is None:
            return cls()
        given = (name for name in READ if dimension_file(folder, name))
        return cls(folder.resolve(), tuple(given))

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that are published."""
        return published_scopes(self.given)

    @property
    def further_channels(self) -> tuple[str, ...]:
        """The kinds of further channels that credit is published by."""
        return published_further(self.given)

    def rows(self) -> DimensionRows:
        """Return the rows as they are now, the same to everyone in this process."""
        with _LOCK:
            held = _HELD.get(self)
            if held is None:
                held = _HELD[self] = _Read(self, time.monotonic)
            return held.now()


class _Read:
    """The rows of one folder in this process."""

    def __init__(self, dimensions: Dimensions, clock: Callable[[], float]) -> None:
        self._dimensions, self._clock = dimensions, clock
        self._looked, self._seen = clock(), self._look()
        self._rows = self._read()

    def now(self) -> DimensionRows:
        """Return the rows, read anew if a file has changed since they were."""
        if self._clock() - self._looked >= LOOK_EVERY_S:
            self._looked, before = self._clock(), self._seen
            self._seen = self._look()
            if self._seen != before:
                self._read_again()
        return self._rows

    def _read_again(self) -> None:
        try:
            self._rows = self._read()
        except SourceError as error:
            _LOG.warning("The dimensions stay as they were. %s", error)

    def _look(self) -> tuple[tuple[str, int, int] | None, ...]:
        return tuple(map(self._look_at, self._dimensions.given))

    def _look_at(self, name: str) -> tuple[str, int, int] | None:
        path = self._dimensions.folder and dimension_file(self._dimensions.folder, name)
        try:
            found = path.stat() if path else None
        except OSError:
            return None
        return (str(path), found.st_mtime_ns, found.st_size) if found else None

    def _read(self) -> DimensionRows:
        tables = {}
        for name in self._dimensions.given:
            table = self._dimensions.folder and read_dimension(self._dimensions.folder, name)
            if table is None:
                raise SourceError(
                    f"The dimension {name} was in {self._dimensions.folder} when the job began and is not there now, "
                    "or not on this machine. Put the folder where every worker finds it under this path."
                )
            tables[name] = table
        return DimensionRows(tables)


_LOCK: Final = threading.Lock()
_HELD: Final[dict[Dimensions, _Read]] = {}
