"""Large state arrays in unlinked files, so that the kernel can move them out of memory and back.

Up to a memory target everything is ordinary memory. Arrays of a megabyte and more that would take the process past
it are mapped from files in the job's own directory instead, and `relieve` drops their pages from the process;
the kernel keeps them cached while it has memory to spare and writes them out when it has not. So memory stays
bounded while horizons grow, and nothing is slower before that point. Without `configure` nothing is spilled, nor where
the disk has no room for it: writing to a mapped file for which there is none would end the process without a word.

What grows, grows fourfold: room that was never written takes no memory, in a file or out of it, and growing
seldom copies. Hash tables are not kept here: they are read and written all over, and stay in memory.

>>> zeros(3, np.int64).tolist()
[0, 0, 0]
"""

import ctypes
import mmap
import os
import sys
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

SMALLEST_BYTES: Final = 1 << 20
_GROWTH: Final = 4
_PAGE: Final = mmap.PAGESIZE
_WORTHWHILE_BYTES: Final = 64 << 20
"""How much must have come back since the last time before pages are dropped again: they are hot."""


class _Spill:
    """Where spilled arrays live, and the mappings in use."""

    def __init__(self) -> None:
        self.directory: Path | None = None
        self.target_bytes = self.least_bytes = 0
        self.mappings: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()
        self.unwritten: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()
        """Those whose files may still come to take room."""


_SPILL: Final = _Spill()


def configure(directory: Path | None, target_bytes: int) -> None:
    """Spill large arrays into this directory from now on, and aim at this much resident memory; None: never."""
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
    _SPILL.directory, _SPILL.target_bytes, _SPILL.least_bytes = directory, target_bytes, 0


def zeros(length: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return a new array of zeros, mapped from a file if it is large, memory is short and the disk has room."""
    size = length * np.dtype(dtype).itemsize
    if _SPILL.directory is None or size < SMALLEST_BYTES or resident_bytes() + size < _SPILL.target_bytes:
        return np.zeros(length, dtype)
    if not _fits(_SPILL.directory, size):
        return np.zeros(length, dtype)
    with nameless_file() as file:
        os.ftruncate(file.fileno(), size)
        mapping = mmap.mmap(file.fileno(), size)
    watch(mapping)
    _SPILL.unwritten.add(mapping)
    return np.frombuffer(mapping, dtype)


def _fits(directory: Path, size: int) -> bool:
    """Whether the disk has room for so much more, if all that was promised before comes to be written as well."""
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize >= size + sum(map(len, _SPILL.unwritten))


def nameless_file() -> IO[bytes]:
    """Open a new file that goes with the process: in the directory configured, else where the system keeps such."""
    return tempfile.TemporaryFile(dir=_SPILL.directory)


def watch(mapping: mmap.mmap) -> None:
    """Take note of a mapped file whose pages may be dropped from the process at any time."""
    _SPILL.mappings.add(mapping)


def grown(array: npt.NDArray[Any], needed: int) -> npt.NDArray[Any]:
    """Return an array with room for this many entries that begins with the given one."""
    bigger = zeros(max(needed, _GROWTH * len(array)), array.dtype)
    bigger[: len(array)] = array
    return bigger


def copied(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a copy that may be written to, of the same length."""
    copy = zeros(len(array), array.dtype)
    copy[:] = array
    return copy


def resident_bytes() -> int:
    """Return the process's resident memory; 0 where the system does not say."""
    if not sys.platform.startswith("linux"):
        return 0
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * _PAGE


def is_short() -> bool:
    """Say whether memory is short, so that what may be put away should be; where no target was set it is."""
    return _SPILL.directory is None or resident_bytes() > _SPILL.target_bytes


def relieve() -> bool:
    """Give back what memory can be spared if the process is past its target; returns whether it did.

    That is the pages of spilled arrays, and what was freed but kept by the allocator for later; some 30 ms.
    """
    if _SPILL.directory is None:
        return False
    if resident_bytes() <= max(_SPILL.target_bytes, _SPILL.least_bytes + _WORTHWHILE_BYTES):
        return False
    release()
    _trim_heap()
    _SPILL.least_bytes = resident_bytes()
    return True


def _trim_heap() -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def release() -> None:
    """Drop the pages of all spilled arrays from the process; their content stays in the kernel's hands."""
    for mapping in list(_SPILL.mappings):
        mapping.madvise(mmap.MADV_DONTNEED)
