"""`Columns`: named numpy arrays of one length that grow together, for state with one row an entity.

>>> import numpy as np
>>> columns = Columns(time=np.int64, amount=np.int64)
>>> columns.extend(2, time=np.array([5, 6]))
>>> columns["time"].tolist(), columns["amount"].tolist()
([5, 6], [0, 0])
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from transforms.state import spill

_SMALLEST = 256


class Columns:
    """Growing columns; a view handed out is valid until the next growth."""

    def __init__(self, **types: npt.DTypeLike) -> None:
        self._arrays = {name: np.zeros(0, dtype) for name, dtype in types.items()}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self._arrays[name][: self._length]

    def reserve(self, more: int) -> None:
        """Make room for this many further rows without moving."""
        needed = self._length + more
        for name, array in self._arrays.items():
            if len(array) < needed:
                self._arrays[name] = spill.grown(array[: self._length], max(_SMALLEST, needed))

    def raw(self, name: str) -> npt.NDArray[Any]:
        """Return a column with its reserve, for kernels that append."""
        return self._arrays[name]

    def grown_to(self, length: int) -> None:
        """Take note of rows that a kernel appended itself."""
        self._length = length

    def extend(self, count: int, **values: npt.NDArray[Any]) -> None:
        """Append rows; columns not given are 0."""
        self.reserve(count)
        for name, array in values.items():
            self._arrays[name][self._length : self._length + count] = array
        for name in self._arrays.keys() - values.keys():
            self._arrays[name][self._length : self._length + count] = 0
        self._length += count

    def keep(self, rows: npt.NDArray[Any]) -> None:
        """Keep only these rows, in this order, and give the rest of the memory back."""
        for name, array in self._arrays.items():
            kept = spill.zeros(len(rows), array.dtype)
            np.take(array[: self._length], rows, out=kept)
            self._arrays[name] = kept
        self._length = len(rows)

    def state(self) -> dict[str, Any]:
        """Return the columns for a snapshot."""
        return {name: self[name] for name in self._arrays}

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self._arrays = {name: spill.copied(state[name]) for name in self._arrays}
        self._length = len(next(iter(self._arrays.values())))
