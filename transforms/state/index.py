"""`HashIndex`: from a 64-bit key to a dense row number, in two flat arrays.

Use it wherever state has one row an id. Rows are numbered 0, 1, 2 … in order of arrival, so that the state
itself is plain columns. 13 bytes a row at the mean load; a look-up costs one cache miss.

>>> import numpy as np
>>> index = HashIndex()
>>> index.rows_of(np.array([7, 9, 7], np.uint64)).tolist(), len(index)
([0, 1, 0], 2)
>>> index.find(np.array([9, 8], np.uint64)).tolist()
[1, -1]
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.kernels import kernel
from transforms.state.hashing import Hashes

Rows = npt.NDArray[np.int32]

_LOAD = 0.7
_SMALLEST = 1024


@kernel
def place(key, mask):
    """Return the first slot to probe: high bits, since low ones choose the shard."""
    return np.int64((key >> np.uint64(20)) & np.uint64(mask))


@kernel
def find_or_add(keys, rows, used, key):
    """Return (row, number of rows after): the key's row, a new one where it had none."""
    mask = len(keys) - 1
    slot = place(key, mask)
    while rows[slot] >= 0:
        if keys[slot] == key:
            return rows[slot], used
        slot = (slot + 1) & mask
    keys[slot] = key
    rows[slot] = used
    return used, used + 1


@kernel
def find_one(keys, rows, key):
    """Return the key's row or -1."""
    mask = len(keys) - 1
    slot = place(key, mask)
    while rows[slot] >= 0:
        if keys[slot] == key:
            return rows[slot]
        slot = (slot + 1) & mask
    return -1


@kernel
def _find_or_add_all(keys, rows, used, wanted, out):
    for i in range(len(wanted)):
        out[i], used = find_or_add(keys, rows, used, wanted[i])
    return used


@kernel
def _find_all(keys, rows, wanted, out):
    for i in range(len(wanted)):
        out[i] = find_one(keys, rows, wanted[i])


@kernel
def _move(old_keys, old_rows, keys, rows):
    mask = len(keys) - 1
    for i in range(len(old_keys)):
        if old_rows[i] >= 0:
            slot = place(old_keys[i], mask)
            while rows[slot] >= 0:
                slot = (slot + 1) & mask
            keys[slot] = old_keys[i]
            rows[slot] = old_rows[i]


class HashIndex:
    """Open addressing with linear probing; keys must be well mixed (hashes)."""

    def __init__(self) -> None:
        self._allocate(_SMALLEST)
        self._used = 0

    def _allocate(self, size: int) -> None:
        self.keys = np.zeros(size, np.uint64)
        self.rows = np.full(size, -1, np.int32)

    def __len__(self) -> int:
        return self._used

    def reserve(self, more: int) -> None:
        """Make room for this many new keys, so that a kernel may add them without growing."""
        needed = (self._used + more) / _LOAD
        if needed <= len(self.keys):
            return
        old_keys, old_rows = self.keys, self.rows
        self._allocate(1 << int(np.ceil(np.log2(needed))))
        _move(old_keys, old_rows, self.keys, self.rows)

    def rows_of(self, wanted: Hashes) -> Rows:
        """Return each key's row; new keys get the next rows in order of arrival."""
        self.reserve(len(wanted))
        out = np.empty(len(wanted), np.int32)
        self._used = _find_or_add_all(self.keys, self.rows, self._used, wanted, out)
        return out

    def find(self, wanted: Hashes) -> Rows:
        """Return each key's row, -1 where it is unknown."""
        out = np.empty(len(wanted), np.int32)
        _find_all(self.keys, self.rows, wanted, out)
        return out

    def grown_to(self, used: int) -> None:
        """Take note of rows that a kernel added itself."""
        self._used = used

    def state(self) -> dict[str, Any]:
        """Return the index as arrays, for a snapshot: the keys in row order."""
        ordered = np.zeros(self._used, np.uint64)
        held = self.rows >= 0
        ordered[self.rows[held]] = self.keys[held]
        return {"keys": ordered}

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self._used = 0
        self._allocate(_SMALLEST)
        self.rows_of(state["keys"])


@kernel
def first_rows(numbers, known, count):
    """Return where each number from `known` up to `count` first stands; they were given in order of arrival.

    >>> first_rows(np.array([0, 2, 3, 2], np.int32), 2, 4).tolist()
    [1, 2]
    """
    out, found = np.empty(count - known, np.int64), 0
    for i in range(len(numbers)):
        if numbers[i] == known + found:
            out[found] = i
            found += 1
    return out
