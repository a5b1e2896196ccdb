"""`Durations`: how long things took, many multisets of milliseconds, each with its exact median at any time.

Durations come and may be taken back again, in any order. They are held in cells whose bounds grow by 1/16, so that a
median is found by counting cells and then sorting the one or two that it lies in: about 20 µs, and a millisecond for
a hundred thousand durations. One costs 16 bytes for as long as it counts.

>>> durations = Durations()
>>> durations.add(np.zeros(4, np.int32), np.array([70, 10, 30, 99]), np.array([1, 1, 1, 1]))
>>> durations.add(np.zeros(1, np.int32), np.array([99]), np.array([-1]))
>>> durations.twice_medians(np.array([0])).tolist()
[60]
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from transforms.metrics import duration_kernels as kernels
from transforms.state.columns import Columns
from transforms.state.index import HashIndex

_PACK_LEAST: Final = 10_000
_PACK_SHARE: Final = 2
"""Durations that were taken back go once there are this many times as many rows as durations."""

Array = npt.NDArray[Any]


class Durations:
    """Multisets are numbered from 0 on."""

    def __init__(self) -> None:
        self._head = Columns(cell=np.int32)
        self._index = HashIndex()
        self._cell = Columns(key=np.int64, count=np.int64, row=np.int32, next=np.int32)
        self._row = Columns(ms=np.int64, weight=np.int32, next=np.int32)

    def __len__(self) -> int:
        """Return how many rows are held, taken back or not."""
        return len(self._row)

    def add(self, numbers: Array, ms: Array, weights: Array) -> None:
        """Add so many of a duration to a multiset each; a weight below 0 takes some back."""
        if not len(ms):
            return
        more = int(numbers.max()) + 1 - len(self._head)
        if more > 0:
            self._head.extend(more, cell=np.full(more, -1))
        self._add(numbers, ms, weights)
        if len(self._row) > _PACK_SHARE * self._cell["count"].sum() + _PACK_LEAST:
            self._pack()

    def _add(self, numbers: Array, ms: Array, weights: Array) -> None:
        count = len(ms)
        for held in (self._index, self._cell, self._row):
            held.reserve(count)
        cell, row = self._cell.raw, self._row.raw
        cells = kernels.add(
            numbers.astype(np.int32), ms, weights, self._index.keys, self._index.rows, len(self._cell), len(self._row),
            self._head["cell"], cell("key"), cell("count"), cell("row"), cell("next"),
            row("ms"), row("weight"), row("next"),
        )  # fmt: skip
        self._index.grown_to(cells)
        self._cell.grown_to(cells)
        self._row.grown_to(len(self._row) + count)

    def _pack(self) -> None:
        """Hold each duration that counts once, with how often."""
        cell, row = self._cell, self._row
        numbers, ms, weights = kernels.netted(cell["key"], cell["row"], row["ms"], row["weight"], row["next"])
        held = len(self._head)
        self.__init__()  # type: ignore[misc]
        self._head.extend(held, cell=np.full(held, -1))
        self._add(numbers, ms, weights)

    def twice_medians(self, numbers: Array) -> npt.NDArray[np.int64]:
        """Return twice the median of some multisets, which is whole; that of an empty one is 0."""
        cell, row = self._cell, self._row
        return kernels.twice_medians(
            numbers, self._head["cell"], cell["key"], cell["count"], cell["row"], cell["next"],
            row["ms"], row["weight"], row["next"],
        )  # fmt: skip

    def _parts(self) -> dict[str, Any]:
        return {"head": self._head, "index": self._index, "cell": self._cell, "row": self._row}

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {name: part.state() for name, part in self._parts().items()}

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        for name, part in self._parts().items():
            part.load(state[name])
