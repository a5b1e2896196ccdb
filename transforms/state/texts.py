"""`Texts`: many strings in one growing byte buffer, addressed by row.

Python strings cost 50 bytes and more each; here a string costs its bytes and 8 more.

>>> import pyarrow as pa
>>> texts = Texts()
>>> texts.extend(pa.array(["a", "bc"]))
>>> texts[1], len(texts)
('bc', 2)
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.kernels import kernel
from transforms.state import spill
from transforms.state.hashing import text_parts


@kernel
def _gather(ends, data, rows, offsets):
    total = 0
    for i in range(len(rows)):
        offsets[i] = total
        row = rows[i]
        total += ends[row] - (ends[row - 1] if row else 0)
    offsets[len(rows)] = total
    out = np.empty(total, np.uint8)
    for i in range(len(rows)):
        row = rows[i]
        start = ends[row - 1] if row else 0
        at = offsets[i]
        for k in range(ends[row] - start):
            out[at + k] = data[start + k]
    return out


@kernel
def bytes_of(data, starts, sizes):
    """Return slices of a buffer, one after another."""
    out = np.empty(sizes.sum(), np.uint8)
    at = 0
    for i in range(len(starts)):
        for k in range(sizes[i]):
            out[at + k] = data[starts[i] + k]
        at += sizes[i]
    return out


def slices_of(
    data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]
) -> pa.StringArray:
    """Return slices of a buffer as an Arrow column."""
    offsets = np.zeros(len(starts) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    text = bytes_of(data, starts, sizes)
    return pa.StringArray.from_buffers(len(starts), pa.py_buffer(offsets), pa.py_buffer(text))


@kernel
def is_less(data, ends, left, right):
    """Compare two stored strings by their bytes, which orders UTF-8 as its code points."""
    a = ends[left - 1] if left else 0
    b = ends[right - 1] if right else 0
    while a < ends[left] and b < ends[right]:
        if data[a] != data[b]:
            return data[a] < data[b]
        a += 1
        b += 1
    return a == ends[left] and b < ends[right]


class Texts:
    """Append-only strings; null is stored as the empty string."""

    def __init__(self) -> None:
        self._data = np.zeros(1024, np.uint8)
        self._ends = np.zeros(128, np.int64)
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    @property
    def size(self) -> int:
        """How many bytes the strings have."""
        return self._start(self._rows)

    @property
    def data(self) -> npt.NDArray[np.uint8]:
        """The bytes of all strings, one after another, for kernels."""
        return self._data

    @property
    def ends(self) -> npt.NDArray[np.int64]:
        """Where each string ends, for kernels."""
        return self._ends[: self._rows]

    def _start(self, row: int) -> int:
        return int(self._ends[row - 1]) if row else 0

    def __getitem__(self, row: int) -> str:
        return self._data[self._start(row) : self._ends[row]].tobytes().decode()

    def extend(self, column: pa.StringArray) -> None:
        """Append every string of a column."""
        offsets, data = text_parts(column)
        size, begin = int(offsets[-1] - offsets[0]), self._start(self._rows)
        self._data = _with_room(self._data, begin + size)
        self._ends = _with_room(self._ends, self._rows + len(column))
        self._data[begin : begin + size] = data[offsets[0] : offsets[-1]]
        self._ends[self._rows : self._rows + len(column)] = offsets[1:].astype(np.int64) - offsets[0] + begin
        self._rows += len(column)

    def take(self, rows: npt.NDArray[Any]) -> pa.StringArray:
        """Return these rows as an Arrow column."""
        offsets = np.empty(len(rows) + 1, np.int32)
        data = _gather(self.ends, self._data, rows, offsets)
        return pa.StringArray.from_buffers(len(rows), pa.py_buffer(offsets), pa.py_buffer(data))

    def keep(self, rows: npt.NDArray[Any]) -> None:
        """Keep only these rows, in this order."""
        kept = self.take(rows)
        self.release()
        self.extend(kept)

    def release(self) -> None:
        """Drop all strings and their memory."""
        self.__init__()  # type: ignore[misc]

    @classmethod
    def of(cls, column: pa.StringArray) -> "Texts":
        """Return the strings of a column."""
        texts = cls()
        texts.extend(column)
        return texts

    def state(self) -> dict[str, Any]:
        """Return the strings for a snapshot."""
        return {"data": self._data[: self._start(self._rows)], "ends": self.ends}

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self._data, self._ends = (spill.copied(state[name]) for name in ("data", "ends"))
        self._rows = len(self._ends)


def _with_room(array: npt.NDArray[Any], needed: int) -> npt.NDArray[Any]:
    if len(array) >= needed:
        return array
    return spill.grown(array, needed)
