"""`SeenEvents`: which event ids were seen within the dedup horizon, and with what body.

Each event costs 18 bytes at a load of at most 0.8: a 64-bit hash of its id, 64 check bits (24 more of the
id, 40 of the body) and the hour of its time. Two different ids are taken for one only if 88 bits agree; a
changed body goes unnoticed only if 40 bits agree. The table is cut in parts that grow one at a time, so
that growing needs a sixteenth of its memory.

>>> import numpy as np
>>> seen = SeenEvents(horizon_hours=24)
>>> one, hour, late = np.ones(2, np.uint64), np.zeros(2, np.int64), np.zeros(2, np.uint8)
>>> seen.admit(one, one, hour, late).tolist() == [NEW, DUPLICATE]
True
>>> seen.admit(one, one + (one << np.uint64(30)), hour, late).tolist() == [CONFLICT, CONFLICT]
True
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from transforms.state.hashing import Hashes

NEW: Final = 0
DUPLICATE: Final = 1
CONFLICT: Final = 2
TOO_LATE: Final = 3

LATE: Final = 1
"""Behind the watermark by more than the allowed lateness: refused unless it is a duplicate."""
ANCIENT: Final = 2
"""Behind the watermark by more than the dedup horizon: refused, since whether it is a duplicate is forgotten."""

Verdicts = npt.NDArray[np.uint8]

_PARTS: Final = 16
_SMALLEST: Final = 512
_LOAD: Final = 0.8
_GROWTH: Final = 1.5

_ID_BITS: Final = np.uint64(0xFFFFFF)


@njit(cache=True, nogil=True, inline="always")
def _first_slot(key, size):
    """Scale the key's low 32 bits to the table's size (Lemire's multiply-shift reduction)."""
    return np.int64(((key & np.uint64(0xFFFFFFFF)) * np.uint64(size)) >> np.uint64(32))


@njit(cache=True, nogil=True)
def _admit(table_keys, table_checks, table_hours, part, keys, checks, hours, late, verdicts):
    size = len(table_keys)
    added = 0
    for i in range(len(keys)):
        key = keys[i]
        if np.int64(key >> np.uint64(60)) != part:
            continue
        slot = _first_slot(key, size)
        verdict = NEW
        while table_keys[slot] != 0:
            if table_keys[slot] == key:
                held = table_checks[slot]
                if (held & _ID_BITS) == (checks[i] & _ID_BITS):
                    verdict = DUPLICATE if held == checks[i] else CONFLICT
                    if verdict == DUPLICATE and late[i] == ANCIENT:
                        verdict = TOO_LATE
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


@njit(cache=True, nogil=True)
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
        slot = _first_slot(old_keys[i], size)
        while keys[slot] != 0:
            slot += 1
            if slot == size:
                slot = 0
        keys[slot] = old_keys[i]
        checks[slot] = old_checks[i]
        hours[slot] = old_hours[i]
        kept += 1
    return kept


def _empty(size: int) -> tuple[Hashes, Hashes, npt.NDArray[np.uint16]]:
    return np.zeros(size, np.uint64), np.zeros(size, np.uint64), np.zeros(size, np.uint16)


class SeenEvents:
    """The dedup horizon of one shard; hours are hours of event time since the epoch."""

    def __init__(self, horizon_hours: int) -> None:
        self._horizon = horizon_hours + 1
        self._parts: list[Any] = [_empty(_SMALLEST) for _ in range(_PARTS)]
        self._used = [0] * _PARTS
        self._now: int | None = None

    def __len__(self) -> int:
        return sum(self._used)

    def admit(
        self, keys: Hashes, checks: Hashes, hours: npt.NDArray[np.int64], late: npt.NDArray[np.uint8]
    ) -> Verdicts:
        """Judge each event in order; new ones are remembered, late ones that are new are not."""
        verdicts = np.zeros(len(keys), np.uint8)
        part_of = (keys >> np.uint64(60)).astype(np.int64)
        for part, more in enumerate(np.bincount(part_of, minlength=_PARTS).tolist()):
            if more:
                self._reserve(part, more)
                self._used[part] += _admit(*self._parts[part], part, keys, checks, hours, late, verdicts)
        return verdicts

    def advance(self, hour: int) -> None:
        """Forget what fell out of the horizon, now and then, as the watermark passes hours."""
        if self._now is None:
            self._now = hour
        if hour < self._now + max(1, self._horizon // 8):
            return
        self._now = hour
        for part in range(_PARTS):
            self._resize(part, len(self._parts[part][0]))
            self._resize(part, max(_SMALLEST, int(self._used[part] / _LOAD * _GROWTH)))

    def _reserve(self, part: int, more: int) -> None:
        needed, size = (self._used[part] + more) / _LOAD, len(self._parts[part][0])
        if needed > size:
            self._resize(part, max(int(needed), int(size * _GROWTH)) + 1)

    def _resize(self, part: int, size: int) -> None:
        bigger = _empty(size)
        now, horizon = (0, 0xFFFF) if self._now is None else (self._now, self._horizon)
        self._used[part] = _rehash(*self._parts[part], *bigger, now, horizon)
        self._parts[part] = bigger

    def state(self) -> dict[str, Any]:
        """Return what is remembered, for a snapshot: the tables as they are."""
        return {"parts": list(self._parts), "used": list(self._used), "now": self._now}

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self._parts = [tuple(np.array(column) for column in part) for part in state["parts"]]
        self._used, self._now = list(state["used"]), state["now"]
