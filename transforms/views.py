"""Arrow columns as numpy views for kernels, at a tenth of the cost of pyarrow's own conversions.

On small batches those cost more than the work. Views are read-only and of one memory layout, so that each kernel
is compiled once.

>>> column = pa.array([5, None, 7]).slice(1)
>>> numbers(column, np.int64)[1:].tolist(), known(column).tolist()
([7], [False, True])
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Array = npt.NDArray[Any]

_NOTHING: Final = bytes(16)


class Texts(NamedTuple):
    """A string column: where each string begins and ends, and the bytes of all; nulls hold no bytes."""

    bounds: npt.NDArray[np.int32]
    data: npt.NDArray[np.uint8]


def numbers(column: pa.Array, dtype: npt.DTypeLike) -> Array:
    """Return a column of numbers or times; where it is null stands anything."""
    return _view(column.buffers()[1], dtype, column.offset, len(column))


def vectors(column: pa.FixedSizeListArray, dtype: npt.DTypeLike = np.int64) -> Array:
    """Return a column of vectors of numbers, none of them null, as a matrix."""
    width = column.type.list_size
    flat = _view(column.buffers()[-1], dtype, column.offset * width, len(column) * width)
    return flat.reshape(-1, width)


def texts(column: pa.StringArray) -> Texts:
    """Return a column of strings."""
    _, bounds, data = column.buffers()
    places = _view(bounds, np.int32, column.offset, len(column) + 1)
    return Texts(places, _view(data, np.uint8, 0, data.size if data else 0))


def known(column: pa.Array) -> npt.NDArray[np.bool_]:
    """Return where a column is not null."""
    if not column.null_count:
        return np.ones(len(column), np.bool_)
    return _bits(column.buffers()[0], column)


def flags(column: pa.BooleanArray) -> npt.NDArray[np.bool_]:
    """Return where a column is true; null is not."""
    if column.null_count == len(column):
        return np.zeros(len(column), np.bool_)
    true = _bits(column.buffers()[1], column)
    return true & known(column) if column.null_count else true


def _bits(buffer: pa.Buffer, column: pa.Array) -> npt.NDArray[np.bool_]:
    whole = np.unpackbits(
        np.frombuffer(buffer, np.uint8), bitorder="little", count=column.offset + len(column)
    )
    return whole[column.offset :].view(np.bool_)


def _view(buffer: pa.Buffer | None, dtype: npt.DTypeLike, first: int, count: int) -> Array:
    if not count or buffer is None:
        view = np.zeros(count, dtype)
    else:
        kind = np.dtype(dtype)
        view = np.frombuffer(buffer, kind, count, first * kind.itemsize)
    view.flags.writeable = False
    return view
