"""Write rows of integers as MessagePack behind a version, without a Python step a row.

>>> import numpy as np, msgspec
>>> [value] = pack_rows(b"v", np.array([[0, 127, 128, 65536, -1, -33, 2**40]]), np.array([0]))
>>> value[:1], msgspec.msgpack.decode(value[1:])
(b'v', [0, 127, 128, 65536, -1, -33, 1099511627776])
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.kernels import kernel
from transforms.packed import Packed
from transforms.state.hashing import text_parts

_MOST_BYTES_AN_INTEGER = 9
_HEADER_BYTES = 3


@kernel
def _big_endian(out, at, value, size):
    for i in range(size):
        out[at + i] = np.uint8((value >> np.uint64(8 * (size - 1 - i))) & np.uint64(0xFF))
    return at + size


@kernel
def _integer(out, at, value):
    """MessagePack's shortest form of an integer (github.com/msgpack/msgpack/blob/master/spec.md)."""
    bits = np.uint64(value)
    if -32 <= value < 128:
        out[at] = np.uint8(bits & np.uint64(0xFF))
        return at + 1
    if value >= 0:
        size, tag = (1, 0xCC) if value < 1 << 8 else (2, 0xCD) if value < 1 << 16 else (4, 0xCE)
        if value >= 1 << 32:
            size, tag = 8, 0xCF
    else:
        size, tag = (1, 0xD0) if value >= -(1 << 7) else (2, 0xD1) if value >= -(1 << 15) else (4, 0xD2)
        if value < -(1 << 31):
            size, tag = 8, 0xD3
    out[at] = np.uint8(tag)
    return _big_endian(out, at + 1, bits, size)


@kernel
def _array_header(out, at, length):
    if length < 16:
        out[at] = np.uint8(0x90 | length)
        return at + 1
    out[at] = np.uint8(0xDC)
    return _big_endian(out, at + 1, np.uint64(length), 2)


@kernel
def _pack(prefix, values, rows, out, bounds):
    at = 0
    width = values.shape[1]
    for i in range(len(rows)):
        for k in range(len(prefix)):
            out[at + k] = prefix[k]
        at = _array_header(out, at + len(prefix), width)
        for k in range(width):
            value = values[rows[i], k]
            if 0 <= value < 128:  # most are: not worth a call
                out[at] = value
                at += 1
            else:
                at = _integer(out, at, value)
        bounds[i + 1] = at


def pack_texts(column: pa.StringArray) -> Packed:
    """Return a column's strings as they are stored; copies no text."""
    bounds, data = text_parts(column)
    return Packed(data, bounds.astype(np.int64))


def pack_rows(prefix: bytes, values: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> Packed:
    """Return one stored value a row: the prefix (a version), then the row as a MessagePack array."""
    room = len(prefix) + _HEADER_BYTES + values.shape[1] * _MOST_BYTES_AN_INTEGER
    out, bounds = np.empty(len(rows) * room, np.uint8), np.zeros(len(rows) + 1, np.int64)
    _pack(np.frombuffer(prefix, np.uint8), values, rows, out, bounds)
    return Packed(out, bounds)
