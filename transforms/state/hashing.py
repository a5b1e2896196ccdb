"""64-bit hashes of Arrow columns, the same in every process, so that state can be keyed by them.

State is keyed by hashes instead of strings: 8 bytes an id whatever its length. With 20 million ids the
chance that any two share a 64-bit hash is 1e-5; where a collision would touch money, more bits are kept
beside it (`SeenEvents`).

>>> import pyarrow as pa
>>> a, b = hash_text(pa.array(["x", "y"])), hash_text(pa.array(["y", "x"]))
>>> bool(a[0] == b[1] and a[1] == b[0] and a[0] != a[1])
True
>>> int(hash_text(pa.array([None, ""]))[0])
0
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.kernels import inlined, kernel

Hashes = npt.NDArray[np.uint64]

_M1: Final = np.uint64(0x9E3779B97F4A7C15)
_M2: Final = np.uint64(0xBF58476D1CE4E5B9)
_M3: Final = np.uint64(0x94D049BB133111EB)


@inlined
def mix(value):
    """Finalise a 64-bit value: Stafford's variant 13 of the MurmurHash3 finaliser (SplitMix64)."""
    value = (value ^ (value >> np.uint64(30))) * _M2
    value = (value ^ (value >> np.uint64(27))) * _M3
    return value ^ (value >> np.uint64(31))


@kernel
def hash_bytes(data, start, end, seed):
    """Hash a slice of bytes, eight at a time; never 0, which stands for null."""
    state = seed ^ (np.uint64(end - start) * _M1)
    position = start
    while position < end:
        word = np.uint64(0)
        stop = min(position + 8, end)
        for i in range(position, stop):
            word = (word << np.uint64(8)) | np.uint64(data[i])
        state = mix(state ^ word) * _M1
        position = stop
    state = mix(state)
    return state if state != 0 else np.uint64(1)


@kernel
def _hash_column(offsets, data, seed, out):
    for i in range(len(out)):
        out[i] = hash_bytes(data, offsets[i], offsets[i + 1], seed)


@kernel
def fold(accumulated, column, position):
    """Fold one column's hashes into each row's running hash; 0 (null) changes nothing."""
    salt = np.uint64(position + 1) * _M1
    for i in range(len(accumulated)):
        if column[i] != 0:
            accumulated[i] = accumulated[i] ^ mix(column[i] + salt)


def text_parts(column: pa.StringArray) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Return a string column's offsets and bytes as numpy views, without a copy."""
    _, offsets, data = column.buffers()
    first = column.offset
    bounds = (
        np.frombuffer(offsets, np.int32)[first : first + len(column) + 1]
        if offsets
        else np.zeros(1, np.int32)
    )
    return bounds, np.frombuffer(data, np.uint8) if data else np.empty(0, np.uint8)


def null_mask(column: pa.Array) -> npt.NDArray[np.bool_] | None:
    """Return where a column is null, or None where it nowhere is."""
    if not column.null_count:
        return None
    return column.is_null().to_numpy(zero_copy_only=False)


def hash_text(column: pa.StringArray, seed: int = 0) -> Hashes:
    """Hash each string of a column; null is 0; about 10 ns a row."""
    out = np.zeros(len(column), np.uint64)
    if len(column) and column.null_count < len(column):
        offsets, data = text_parts(column)
        _hash_column(offsets, data, np.uint64(seed), out)
        nulls = null_mask(column)
        if nulls is not None:
            out[nulls] = 0
    return out


def hash_strings(texts: list[str], seed: int = 0) -> Hashes:
    """Hash a few Python strings as `hash_text` would."""
    return hash_text(pa.array(texts, pa.string()), seed)


def hash_numbers(column: pa.Array) -> Hashes:
    """Hash each number, time or boolean of a column by its bits; null is 0."""
    integers = _as_bits(column)
    out = _mix_all(integers)
    nulls = null_mask(column)
    if nulls is not None:
        out[nulls] = 0
    return out


def _as_bits(column: pa.Array) -> Hashes:
    if pa.types.is_boolean(column.type):
        return column.fill_null(False).to_numpy(zero_copy_only=False).astype(np.uint64)
    if pa.types.is_floating(column.type):
        return column.fill_null(0.0).to_numpy(zero_copy_only=False).view(np.uint64)
    return column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False).view(np.uint64)


@kernel
def _mix_all(values):
    out = np.empty(len(values), np.uint64)
    for i in range(len(values)):
        mixed = mix(values[i] + _M1)
        out[i] = mixed if mixed != 0 else np.uint64(1)
    return out
