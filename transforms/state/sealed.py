"""`SealedArray`: rows that never change again, in a file of their own; what is asked for is read, nothing stays.

For state that must be held long and is seldom read. Reading a range costs a system call, half a microsecond
where the kernel has it cached, and no memory: pages mapped into the process would count as its own. The file has no
name and goes with the process; a snapshot holds its content.

>>> array = SealedArray(np.int64)
>>> array.append(np.arange(5)), array.append(np.arange(5, 9))
(None, None)
>>> len(array), array.ranges(np.array([0, 7]), np.array([2, 9])).tolist()
(9, [0, 1, 7, 8])
"""

import mmap
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import types

from schemas.errors import StateError
from schemas.kernels import kernel
from transforms.state import spill

_SLICE_BYTES: Final = 4 << 20

Array = npt.NDArray[Any]

_pread = types.ExternalFunction("pread", types.intp(types.int32, types.intp, types.uintp, types.int64))
"""The C library's own, called from compiled code: look-ups read very many small ranges."""


@kernel
def _read_all(file, places, sizes, out):
    """Read ranges of bytes, one after another; returns whether all of them were."""
    at = 0
    for i in range(len(places)):
        done = 0
        while done < sizes[i]:
            got = _pread(file, out.ctypes.data + at + done, sizes[i] - done, places[i] + done)
            if got <= 0:
                return False
            done += got
        at += done
    return True


class SealedArray:
    """Rows of one type; a range may be read once it was appended."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._file = spill.nameless_file()
        self._dtype, self._length = np.dtype(dtype), 0

    def append(self, rows: Array) -> None:
        """Add rows at the end."""
        slice_rows = max(1, _SLICE_BYTES // self._dtype.itemsize)
        for begin in range(0, len(rows), slice_rows):
            part = np.ascontiguousarray(rows[begin : begin + slice_rows], self._dtype)
            self._file.write(part.view(np.uint8).data)
        self._file.flush()
        self._length += len(rows)

    def __len__(self) -> int:
        return self._length

    def ranges(self, begins: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> Array:
        """Read many ranges of rows, one after another."""
        width = self._dtype.itemsize
        sizes = ((ends - begins) * width).astype(np.int64)
        read = np.empty(int(sizes.sum()), np.uint8)
        if not _read_all(self._file.fileno(), (begins * width).astype(np.int64), sizes, read):
            raise StateError(
                "A file of state that was put away cannot be read: the disk may be full or failing."
            )
        return read.view(self._dtype)

    def whole(self) -> Array:
        """Return all rows as a mapped view, for a snapshot."""
        if not self._length:
            return np.zeros(0, self._dtype)
        mapping = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        spill.watch(mapping)
        return np.frombuffer(mapping, self._dtype)


class SortedArray(SealedArray):
    """Records in order of one field, by which they are looked up; every 32nd value of it stays in memory."""

    BLOCK: Final = 32

    def __init__(self, dtype: npt.DTypeLike, key: str) -> None:
        super().__init__(dtype)
        self._key = key
        self._firsts = np.zeros(0, self._dtype[key])

    def append(self, rows: Array) -> None:
        """Add rows at the end, none of which comes before those already there."""
        firsts = rows[self._key][-len(self) % self.BLOCK :: self.BLOCK]
        self._firsts = np.concatenate([self._firsts, firsts])
        super().append(rows)

    def near(self, keys: Array) -> tuple[Array, npt.NDArray[np.int64]]:
        """Return, key after key, rows that hold all of that key and others; and where each key's rows end."""
        begin = np.maximum(np.searchsorted(self._firsts, keys, "left") - 1, 0) * self.BLOCK
        end = np.minimum(np.searchsorted(self._firsts, keys, "right") * self.BLOCK, len(self))
        end = np.maximum(begin, end)
        return self.ranges(begin, end), np.cumsum(end - begin)
