"""`RecentIds`: an exact hash table of event ids and bodies, to which every new event is added.

18 bytes a slot at a load of at most 0.8: a 64-bit hash of the id, 64 check bits (24 more of the id, 40 of the body) and the
hour of the event's time. The table is cut in parts that grow one at a time, so that growing needs a
sixteenth of its memory.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from schemas.kernels import inlined, kernel
from transforms.state.hashing import Hashes

NEW: Final = 0
DUPLICATE: Final = 1
CONFLICT: Final = 2
TOO_LATE: Final = 3

LATE: Final = 1
"""Behind the watermark by more than the allowed lateness: refused unless it is a duplicate."""
ANCIENT: Final = 2
"""Behind the watermark by more than the dedup horizon: refused, since whether it is a duplicate is forgotten."""

PARTS: Final = 16
LOAD: Final = 0.8
SMALLEST: Final = 512
_GROWTH: Final = 1.5

_ID_BITS: Final = np.uint64(0xFFFFFF)

Positions = list[npt.NDArray[np.int64]]
"""Of each part the positions of its keys."""
Part = tuple[Hashes, Hashes, npt.NDArray[np.uint16]]


@inlined
def part_of(key):
    """Return the part that a key belongs to: its upper 4 bits."""
    return np.int64(key >> np.uint64(60))


@inlined
def print_of(key):
    """Return the 32 bits below those of the part."""
    return np.uint32((key >> np.uint64(28)) & np.uint64(0xFFFFFFFF))


@inlined
def first_slot(fingerprint, size):
    """Scale a fingerprint to the table's size (Lemire's multiply-shift reduction), so that slots ascend with keys."""
    return np.int64((np.uint64(fingerprint) * np.uint64(size)) >> np.uint64(32))


@kernel
def _by_part(keys, ends):
    """Return the positions of keys part after part, in order of arrival in each, and where each part's end."""
    for i in range(len(keys)):
        ends[part_of(keys[i])] += 1
    for part in range(1, PARTS):
        ends[part] += ends[part - 1]
    positions = np.empty(len(keys), np.int64)
    for i in range(len(keys) - 1, -1, -1):
        part = part_of(keys[i])
        ends[part] -= 1
        positions[ends[part]] = i
    return positions


def by_part(keys: Hashes) -> list[npt.NDArray[np.int64]]:
    """Return of each part the positions of its keys, in order of arrival."""
    begins = np.zeros(PARTS, np.int64)
    positions = _by_part(keys, begins)
    bounds = [*begins.tolist(), len(keys)]
    return [positions[begin:end] for begin, end in pairwise(bounds)]


@inlined
def compared(held, check, late):
    """Return the verdict on an event whose id's hash is held with these check bits; NEW if it is another id's."""
    if (held & _ID_BITS) != (check & _ID_BITS):
        return NEW
    if held != check:
        return CONFLICT
    return TOO_LATE if late == ANCIENT else DUPLICATE


@kernel
def _admit(table_keys, table_checks, table_hours, positions, keys, checks, hours, late, verdicts):
    size = len(table_keys)
    added = 0
    for i in positions:
        if verdicts[i] != NEW:
            continue
        key = keys[i]
        slot = first_slot(print_of(key), size)
        verdict = NEW
        while table_keys[slot] != 0:
            if table_keys[slot] == key:
                verdict = compared(table_checks[slot], checks[i], late[i])
                if verdict != NEW:
                    break
            slot += 1
            if slot == size:
                slot = 0
        if verdict == NEW:
            if late[i]:
                verdict = TOO_LATE
            else:
                table_keys[slot] = key
                table_checks[slot] = checks[i]
                table_hours[slot] = np.uint16(hours[i] & 0xFFFF)
                added += 1
        verdicts[i] = verdict
    return added


@kernel
def _rehash(old_keys, old_checks, old_hours, keys, checks, hours, now, horizon):
    """Move what is within the horizon or ahead of `now` into a new table; returns how many.

    Ages are known modulo 65,536 hours: after a jump of years some ids may stay longer, none goes too soon.
    """
    size, kept = len(keys), 0
    for i in range(len(old_keys)):
        if old_keys[i] == 0:
            continue
        age = (now - np.int64(old_hours[i])) & 0xFFFF
        if horizon < age < 0x8000:
            continue
        slot = first_slot(print_of(old_keys[i]), size)
        while keys[slot] != 0:
            slot += 1
            if slot == size:
                slot = 0
        keys[slot] = old_keys[i]
        checks[slot] = old_checks[i]
        hours[slot] = old_hours[i]
        kept += 1
    return kept


@kernel
def _ascending(keys, checks, count):
    """Return what the table holds in order of key: it nearly is, from the first slot that is free."""
    size, begin, used = len(keys), 0, 0
    while keys[begin] != 0:
        begin += 1
    out_keys, out_checks = np.empty(count, np.uint64), np.empty(count, np.uint64)
    for i in range(begin, begin + size):
        slot = i if i < size else i - size
        if keys[slot] == 0:
            continue
        at = used
        while at > 0 and out_keys[at - 1] > keys[slot]:
            out_keys[at], out_checks[at] = out_keys[at - 1], out_checks[at - 1]
            at -= 1
        out_keys[at], out_checks[at] = keys[slot], checks[slot]
        used += 1
    return out_keys, out_checks


def _empty(size: int) -> Part:
    return np.zeros(size, np.uint64), np.zeros(size, np.uint64), np.zeros(size, np.uint16)


class RecentIds:
    """The table of one shard; `now` and the horizon are hours of event time."""

    def __init__(self) -> None:
        self.clear()

    def __len__(self) -> int:
        return sum(self._used)

    def clear(self) -> None:
        """Drop all ids and their memory."""
        self._parts: list[Part] = [_empty(SMALLEST) for _ in range(PARTS)]
        self._used = [0] * PARTS

    def admit(
        self, parts: Positions, keys: Hashes, checks: Hashes, hours: Any, late: Any, verdicts: Any
    ) -> None:
        """Judge the events whose verdict is NEW, in order; those that stay so are added, late ones are not."""
        for part, positions in enumerate(parts):
            if len(positions):
                self._reserve(part, len(positions))
                self._used[part] += _admit(*self._parts[part], positions, keys, checks, hours, late, verdicts)

    def _reserve(self, part: int, more: int) -> None:
        needed, size = (self._used[part] + more) / LOAD, len(self._parts[part][0])
        if needed > size:
            self._resize(part, max(int(needed), int(size * _GROWTH)) + 1, 0, 0xFFFF)

    def _resize(self, part: int, size: int, now: int, horizon: int) -> None:
        bigger = _empty(size)
        self._used[part] = _rehash(*self._parts[part], *bigger, now, horizon)
        self._parts[part] = bigger

    def forget(self, now: int, horizon: int) -> None:
        """Drop what is older than the horizon, and the memory it took."""
        for part in range(PARTS):
            self._resize(part, len(self._parts[part][0]), now, horizon)
            self._resize(part, max(SMALLEST, int(self._used[part] / LOAD * _GROWTH)), now, horizon)

    def ascending(self) -> Iterator[tuple[Hashes, Hashes]]:
        """Yield keys and checks of each part, in order of key."""
        for (keys, checks, _), used in zip(self._parts, self._used, strict=True):
            yield _ascending(keys, checks, used)

    def state(self) -> dict[str, Any]:
        """Return the tables as they are, for a snapshot."""
        return {"parts": list(self._parts), "used": list(self._used)}

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self._parts = [tuple(np.array(column) for column in part) for part in state["parts"]]  # type: ignore[misc]
        self._used = list(state["used"])
