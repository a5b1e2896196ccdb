"""Fields and values as Redis takes them (RESP bulk strings), without a Python step each.

>>> import numpy as np
>>> fields = Packed(np.frombuffer(b"ab", np.uint8), np.array([0, 1, 2]))
>>> values = Packed(np.frombuffer(b"xyzw", np.uint8), np.array([0, 1, 4]))
>>> pairs(fields, values)
b'$1\\r\\na\\r\\n$1\\r\\nx\\r\\n$1\\r\\nb\\r\\n$3\\r\\nyzw\\r\\n'
>>> extremes(values, 1)
(b'x', b'y')
"""

from typing import Final

import numpy as np
from numba import types

from schemas.kernels import kernel, kernel_for
from transforms.packed import Packed

_MOST_DIGITS: Final = 10
_FRAME_BYTES: Final = _MOST_DIGITS + 5
"""Of one string: the dollar, its length, and two line ends."""
_TEXT: Final = types.Array(types.uint8, 1, "C", readonly=True)
_BOUNDS: Final = types.Array(types.int64, 1, "C", readonly=True)
# Declared types load a kernel with its module, and not while the first figures wait to be written.


@kernel
def _line_end(out, at):
    out[at] = 13
    out[at + 1] = 10
    return at + 2


@kernel
def _bulk(out, at, data, begin, end):
    """Write one string: `$`, its length in decimal digits, its bytes (redis.io/docs/reference/protocol-spec)."""
    length = end - begin
    out[at] = 36
    digits = 1
    over = length // 10
    while over:
        digits += 1
        over //= 10
    rest = length
    for k in range(digits):
        out[at + digits - k] = 48 + rest % 10
        rest //= 10
    at = _line_end(out, at + digits + 1)
    for k in range(length):
        out[at + k] = data[begin + k]
    return _line_end(out, at + length)


@kernel_for(types.int64(_TEXT, _BOUNDS, _TEXT, _BOUNDS, types.uint8[::1]))
def _pairs(fields, field_bounds, values, value_bounds, out):
    at = 0
    for i in range(len(field_bounds) - 1):
        at = _bulk(out, at, fields, field_bounds[i], field_bounds[i + 1])
        at = _bulk(out, at, values, value_bounds[i], value_bounds[i + 1])
    return at


@kernel
def _difference(data, a, b, size):
    """Return less than, more than or 0, as the bytes at `a` are before, behind or equal to those at `b`."""
    for k in range(size):
        if data[a + k] != data[b + k]:
            return np.int64(data[a + k]) - np.int64(data[b + k])
    return 0


@kernel_for(types.UniTuple(types.int64, 2)(_TEXT, _BOUNDS, types.int64))
def _extremes(data, bounds, size):
    least, highest = 0, 0
    for i in range(1, len(bounds) - 1):
        if _difference(data, bounds[i], bounds[least], size) < 0:
            least = i
        if _difference(data, bounds[i], bounds[highest], size) > 0:
            highest = i
    return least, highest


def pairs(fields: Packed, values: Packed) -> bytes:
    """Return field, value, field, value … as the arguments of a command; about 60 ns a pair."""
    room = sum(int(text.bounds[-1] - text.bounds[0]) + _FRAME_BYTES * len(text) for text in (fields, values))
    out = np.empty(room, np.uint8)
    size = _pairs(fields.data, fields.bounds, values.data, values.bounds, out)
    return out[:size].tobytes()


def extremes(values: Packed, size: int) -> tuple[bytes, bytes]:
    """Return the least and the highest of the first `size` bytes of at least one value, compared as bytes."""
    least, highest = _extremes(values.data, values.bounds, size)
    return values[least][:size], values[highest][:size]
