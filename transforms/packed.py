"""`Packed`: many byte strings in one buffer."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, overload

import numpy as np
import numpy.typing as npt


class Packed(Sequence[bytes]):
    """Many byte strings in one buffer, for kernels; to everyone else a sequence of bytes.

    >>> packed = Packed(np.frombuffer(b"abc", np.uint8), np.array([0, 1, 3]))
    >>> list(packed), packed[1], list(packed[1:])
    ([b'a', b'bc'], b'bc', [b'bc'])
    """

    __slots__ = ("bounds", "data")

    def __init__(self, data: npt.NDArray[np.uint8], bounds: npt.NDArray[np.int64]) -> None:
        self.data, self.bounds = data.view(), bounds.view()
        # Read-only always, so that kernels are compiled for one kind of array.
        self.data.flags.writeable = self.bounds.flags.writeable = False

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> "Packed":
        """Pack byte strings."""
        bounds = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(text) for text in texts], out=bounds[1:])
        return cls(np.frombuffer(b"".join(texts), np.uint8), bounds)

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def part(self, first: int, last: int) -> "Packed":
        """Return some of them in a row, without a copy; 0 <= first <= last <= length."""
        part = Packed.__new__(Packed)
        part.data, part.bounds = self.data, self.bounds[first : last + 1]
        return part

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> "Packed": ...
    def __getitem__(self, at: int | slice) -> "bytes | Packed":
        if isinstance(at, slice):
            first, last, _ = at.indices(len(self))
            return self.part(first, max(first, last))
        place = range(len(self))[at]
        return self.data[self.bounds[place] : self.bounds[place + 1]].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        bounds: list[Any] = self.bounds.tolist()
        if not len(self):
            return iter(())
        text = self.data[bounds[0] : bounds[-1]].tobytes()
        return (text[a - bounds[0] : b - bounds[0]] for a, b in pairwise(bounds))
