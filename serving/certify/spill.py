"""Hashes of rows set aside on disk, in parts small enough to be sorted in memory."""

from collections.abc import Collection, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from serving.certify.digest import BUCKETS, buckets_of
from serving.certify.hashing import RowHashes, row_hashes
from serving.certify.surplus import ROW, Records

ROWS_A_PART: Final = 1_000_000


def parts_of(rows: NDArray[np.int64], wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Assign each wanted bucket to a part of about `ROWS_A_PART` rows, given its rows; the others to -1.

    >>> wanted = np.array([True, False, True, True])
    >>> parts_of(np.array([600_000, 9, 600_000, 1]), wanted).tolist()
    [0, -1, 1, 1]
    """
    before = np.cumsum(np.where(wanted, rows, 0))
    return np.where(wanted, np.maximum(before - 1, 0) // ROWS_A_PART, -1)


class Spill:
    """The rows of one table in the wanted buckets, 32 bytes each, as files in a folder."""

    def __init__(self, folder: Path, part_of_bucket: NDArray[np.int64]) -> None:
        assert len(part_of_bucket) == BUCKETS
        self._folder, self._part_of = folder, part_of_bucket
        self._parts = np.unique(part_of_bucket[part_of_bucket >= 0]).tolist()
        folder.mkdir()

    def fill(self, batches: Iterable[pa.RecordBatch], key: Collection[str]) -> None:
        """Read batches to their end and set aside what is wanted of them."""
        begin = 0
        with ExitStack() as files:
            out = {part: files.enter_context(self._path(part).open("wb")) for part in self._parts}
            for batch in batches:
                hashes = row_hashes(batch, key)
                part = self._part_of[buckets_of(hashes.keys)]
                for wanted in np.unique(part[part >= 0]).tolist():
                    out[wanted].write(_records(hashes, np.flatnonzero(part == wanted), begin).tobytes())
                begin += batch.num_rows

    def part(self, number: int) -> Records:
        """Return one part's rows."""
        found: Records = np.fromfile(self._path(number), ROW)
        return found

    @property
    def parts(self) -> list[int]:
        """The numbers of the parts; two spills over the same buckets have the same."""
        return self._parts

    def _path(self, part: int) -> Path:
        return self._folder / str(part)


def _records(hashes: RowHashes, chosen: NDArray[np.int64], begin: int) -> Records:
    records = np.empty(len(chosen), ROW)
    records["key"] = hashes.keys[chosen]
    records["one"], records["two"] = (words[chosen] for words in hashes.lanes)
    records["row"] = chosen + begin
    return records
