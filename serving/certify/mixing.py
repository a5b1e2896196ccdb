"""Words of 64 bits, scattered: what hashes of numbers and of text are made of.

Text is hashed eight bytes at a time, all rows at once, which is some twenty times as fast as a call for each.

>>> column = pa.array(["商品", "a", "a\\0", "", "x" * 1000])
>>> one, two = text_words(column)
>>> len(set(one.tolist()) | set(two.tolist()))
10
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Words = NDArray[np.uint64]

_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_STARTS: Final = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)
"""The lanes begin differently: bits of the golden ratio, and a prime."""
_LONG: Final = 256
"""Text of more bytes is hashed by itself."""
_WORD: Final = 8
_FIRST_BYTES: Final = np.array([2 ** (8 * count) - 1 for count in range(_WORD + 1)], np.uint64)


def mixed(words: Words) -> Words:
    """Scatter the bits, in place: the finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    words ^= words >> np.uint64(30)
    words *= _FIRST
    words ^= words >> np.uint64(27)
    words *= _SECOND
    words ^= words >> np.uint64(31)
    return words


def text_words(column: pa.Array) -> tuple[Words, Words]:
    """Return two words for each value of a `string` or `binary` column; of nulls, whatever comes."""
    offsets, data = _buffers(column)
    begins, lengths = offsets[:-1], np.diff(offsets)
    one, two = (mixed(lengths.astype(np.uint64) + start) for start in _STARTS)
    for rows, word in _words(begins, lengths, data):
        for lane in (one, two):
            lane[rows] = mixed(lane[rows] ^ word)
    for row in np.flatnonzero(lengths > _LONG).tolist():
        digest = blake2b(data[begins[row] : begins[row] + lengths[row]].data, digest_size=16).digest()
        one[row], two[row] = np.frombuffer(digest, "<u8")
    return one, two


def _buffers(column: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return where each value begins and ends, and the bytes, with a word of zeros after the last."""
    _, places, values = column.buffers()
    if places is None or not len(column):
        return np.zeros(1, np.int64), np.zeros(_WORD, np.uint8)
    offsets = np.frombuffer(places, "<i4", len(column) + 1, 4 * column.offset).astype(np.int64)
    size = int(offsets[-1] - offsets[0])
    data = np.zeros(size + _WORD, np.uint8)
    if size:
        data[:size] = np.frombuffer(values, np.uint8, size, int(offsets[0]))
    return offsets - offsets[0], data


def _words(
    begins: NDArray[np.int64], lengths: NDArray[np.int64], data: NDArray[np.uint8]
) -> Iterator[tuple[NDArray[np.int64], Words]]:
    """Yield the rows that have an n-th word, and the word, for n from 0 on; long rows have none."""
    at_any_byte = np.ndarray((len(data) - _WORD + 1,), "<u8", data, strides=(1,))
    rows, done = np.flatnonzero((lengths > 0) & (lengths <= _LONG)), 0
    while len(rows):
        left = np.minimum(lengths[rows] - done, _WORD)
        yield rows, at_any_byte[begins[rows] + done] & _FIRST_BYTES[left]
        done += _WORD
        rows = rows[lengths[rows] > done]
