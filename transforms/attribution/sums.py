"""Sums by a 64-bit key in one open-addressing table, for kernels that add to few keys very often."""

from typing import Final

import numpy as np

from schemas.kernels import kernel
from transforms.state.hashing import mix

NO_KEY: Final = np.int64(-(2**63))
SMALLEST: Final = 1024


@kernel
def slot_of(keys, key):
    """Return where a key is, or where it would be."""
    mask = np.uint64(len(keys) - 1)
    slot = mix(np.uint64(key)) & mask
    while keys[slot] != NO_KEY and keys[slot] != key:
        slot = (slot + np.uint64(1)) & mask
    return slot


@kernel
def with_room(keys, sums, used, more):
    """Return the table, at most half full after so many further keys."""
    size = len(keys)
    if 2 * (used + more) <= size:
        return keys, sums
    while 2 * (used + more) > size:
        size *= 4
    new_keys, new_sums = np.full(size, NO_KEY), np.zeros((size, sums.shape[1]), np.int64)
    for i in range(len(keys)):
        if keys[i] != NO_KEY:
            slot = slot_of(new_keys, keys[i])
            new_keys[slot] = keys[i]
            new_sums[slot] = sums[i]
    return new_keys, new_sums


@kernel
def not_zero(keys, sums):
    """Return the keys that sum to anything, in ascending order, and their sums."""
    held = 0
    for i in range(len(keys)):
        held += keys[i] != NO_KEY and sums[i].any()
    rows = np.empty(held, np.int64)
    held = 0
    for i in range(len(keys)):
        if keys[i] != NO_KEY and sums[i].any():
            rows[held] = i
            held += 1
    rows = rows[np.argsort(keys[rows])]
    return keys[rows], sums[rows]
