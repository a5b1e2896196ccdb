"""`Fingerprints`: of very many 64-bit keys, in which of up to 255 groups one may be; 36 bits of each are known.

It answers at once that a key is nowhere, which of nearly all keys is the truth: of 20 million keys held, one of 3,400 new
ones is taken for held. So whoever asks looks into the group named to be sure. A key costs 5 bytes at a load
of at most 0.85, where knowing it whole would cost 8 and more. Parts grow one at a time.

>>> fingerprints = Fingerprints()
>>> fingerprints.add(np.array([7 << 40, 9 << 40], np.uint64), group=3)
>>> asked = np.array([8 << 40, 9 << 40], np.uint64)
>>> fingerprints.match(asked, by_part(asked)).tolist()
[[1, 3]]
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from schemas.kernels import inlined, kernel
from transforms.state.hashing import Hashes
from transforms.state.recent_ids import PARTS, SMALLEST, Positions, by_part, first_slot, print_of

GROUPS: Final = 255
_LOAD: Final = 0.85
"""High, since a probe reads neighbours only, and memory is what this is for."""
_GROWTH: Final = 1.2

Part = tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]


@inlined
def _displacement(fingerprint, slot, size):
    """Return how far a fingerprint stands behind its first slot."""
    behind = slot - first_slot(fingerprint, size)
    return behind if behind >= 0 else behind + size


@inlined
def _print_of(key):
    """Return the key's fingerprint; 0 stands for a free slot."""
    return max(print_of(key), np.uint32(1))


@kernel
def _place(prints, groups, fingerprint, group):
    """Put it where the next is less displaced, which moves on (Robin Hood hashing: Celis, 1986)."""
    size = len(prints)
    slot = first_slot(fingerprint, size)
    behind = 0
    while prints[slot] != 0:
        held = _displacement(prints[slot], slot, size)
        if held < behind:
            prints[slot], fingerprint = fingerprint, prints[slot]
            groups[slot], group = group, groups[slot]
            behind = held
        behind += 1
        slot += 1
        if slot == size:
            slot = 0
    prints[slot] = fingerprint
    groups[slot] = group


@kernel
def _add(prints, groups, positions, keys, group):
    for i in positions:
        _place(prints, groups, _print_of(keys[i]), group)


@kernel
def _move(old_prints, old_groups, prints, groups, is_kept):
    """Move the fingerprints of the groups kept into a new table; returns how many."""
    kept = 0
    for i in range(len(old_prints)):
        if is_kept[old_groups[i]]:
            _place(prints, groups, old_prints[i], old_groups[i])
            kept += 1
    return kept


@kernel
def _match(prints, groups, positions, keys, out, used):
    """Note (position, group) of every match; returns how many there are, of which the first `len(out)` were noted."""
    size = len(prints)
    for i in positions:
        fingerprint = _print_of(keys[i])
        slot = first_slot(fingerprint, size)
        behind = 0
        while prints[slot] != 0 and _displacement(prints[slot], slot, size) >= behind:
            if prints[slot] == fingerprint:
                if used < len(out):
                    out[used, 0] = i
                    out[used, 1] = groups[slot]
                used += 1
            behind += 1
            slot += 1
            if slot == size:
                slot = 0
    return used


def _empty(size: int) -> Part:
    return np.zeros(size, np.uint32), np.zeros(size, np.uint8)


class Fingerprints:
    """Groups are numbers from 1 to `GROUPS`."""

    def __init__(self) -> None:
        self._parts: list[Part] = [_empty(SMALLEST) for _ in range(PARTS)]
        self._used = [0] * PARTS

    def __len__(self) -> int:
        return sum(self._used)

    def add(self, keys: Hashes, group: int) -> None:
        """Add keys, all of one group."""
        for part, positions in enumerate(by_part(keys)):
            if len(positions):
                self._reserve(part, len(positions))
                _add(*self._parts[part], positions, keys, np.uint8(group))
                self._used[part] += len(positions)

    def _reserve(self, part: int, more: int) -> None:
        needed, size = (self._used[part] + more) / _LOAD, len(self._parts[part][0])
        if needed > size:
            self._resize(part, max(int(needed), int(size * _GROWTH)) + 1, _all_but([]))

    def _resize(self, part: int, size: int, is_kept: npt.NDArray[np.bool_]) -> None:
        other = _empty(size)
        self._used[part] = _move(*self._parts[part], *other, is_kept)
        self._parts[part] = other

    def match(self, keys: Hashes, parts: Positions) -> npt.NDArray[np.int64]:
        """Return pairs of a key's position and a group that it may be in; `parts` are the keys' `by_part`."""
        if not len(self):
            return np.zeros((0, 2), np.int64)
        out, used = np.empty((max(1, len(keys)), 2), np.int64), 0
        while (used := self._matches(keys, parts, out)) > len(out):
            out = np.empty((used, 2), np.int64)
        return out[:used]

    def _matches(self, keys: Hashes, parts: Positions, out: npt.NDArray[np.int64]) -> int:
        used = 0
        for table, positions in zip(self._parts, parts, strict=True):
            used = _match(*table, positions, keys, out, used)
        return used

    def drop(self, groups: list[int]) -> None:
        """Drop all keys of these groups, and the memory they took."""
        for part in range(PARTS):
            self._resize(part, len(self._parts[part][0]), _all_but(groups))
            self._resize(part, max(SMALLEST, int(self._used[part] / _LOAD * _GROWTH)), _all_but([]))


def _all_but(groups: list[int]) -> npt.NDArray[np.bool_]:
    """Say of each group whether it is kept; 0 is no group."""
    is_kept = np.ones(GROUPS + 1, np.bool_)
    is_kept[[0, *groups]] = False
    return is_kept
