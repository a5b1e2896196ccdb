"""`Publisher`: where results go, as the steps of the pipeline see it; `transforms.io` has the Redis one."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, Protocol, overload

import numpy as np
import numpy.typing as npt

_FIELDS_A_WRITE: Final = 500


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


class Publisher(Protocol):
    """Takes absolute, versioned values; writing the same or an older one again changes nothing."""

    def epoch(self) -> int:
        """Return the number that this attempt's versions carry."""

    def set_newer(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        """Write values (version first) to fields of a hash, each unless a newer one stands there.

        A field is named once a call. `Packed` fields and values are written without a Python step each.
        """

    def set_once(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        """Write values that depend only on their field, so that repeating them is harmless."""

    def add_windows(self, key: str, starts_ms: Sequence[int]) -> None:
        """Add window starts to a window index."""

    def progress(self, fields: dict[str, int]) -> None:
        """Show how far the pipeline has got."""

    def flush(self) -> None:
        """Send everything taken so far; waits and retries while the store is away."""


class Grouped:
    """Values waiting for their write, grouped by key: the fewer commands, the faster."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[str, bytes]] = {}

    def put(self, key: str, field: str, value: bytes) -> None:
        """Hold a value; a later one for the same field replaces it."""
        self._waiting.setdefault(key, {})[field] = value

    def write_newer(self, publisher: Publisher) -> None:
        """Hand everything held to the publisher, a bounded number of fields a command."""
        for key, values in self._waiting.items():
            fields = list(values)
            for begin in range(0, len(fields), _FIELDS_A_WRITE):
                part = fields[begin : begin + _FIELDS_A_WRITE]
                publisher.set_newer(key, part, [values[field] for field in part])
        self._waiting.clear()


class PublisherFactory(Protocol):
    """Opens a publisher on a worker; must pickle."""

    def __call__(self) -> Publisher:
        """Open one."""
