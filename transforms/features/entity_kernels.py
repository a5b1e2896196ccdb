"""The inner loops that say which events concern which entities, compiled by numba."""

from typing import Final

import numpy as np

from schemas.kernels import kernel
from transforms.state.hashing import mix

NOBODY: Final = -1
_SALT: Final = np.uint64(0x9E3779B97F4A7C15)
_ONE: Final = np.uint64(1)


@kernel
def combined(hashes, columns):
    """Return one hash a row of several columns; 0 where any of them is null."""
    out = hashes[columns[0]].copy()
    for place in range(1, len(columns)):
        column = hashes[columns[place]]
        for i in range(len(out)):
            if out[i] == 0 or column[i] == 0:
                out[i] = 0
            else:
                both = mix(out[i] * _SALT + column[i])
                out[i] = both if both != 0 else _ONE
    return out


@kernel
def wanted(kinds, keys, bits):
    """Return the rows of events of some kinds that name an entity."""
    out = np.empty(len(kinds), np.int64)
    count = 0
    for i in range(len(kinds)):
        if keys[i] != 0 and (bits >> kinds[i]) & 1:
            out[count] = i
            count += 1
    return out[:count]


@kernel
def note_newest(rows, picked, times, newest, dirty, changed):
    """Take note of the newest event of each entity, and of entities that changed; returns those newly so."""
    count = 0
    for i in range(len(rows)):
        row = rows[i]
        if row < 0:
            continue
        newest[row] = max(newest[row], times[picked[i]])
        if dirty[row] == 0:
            dirty[row] = 1
            changed[count] = row
            count += 1
    return count
