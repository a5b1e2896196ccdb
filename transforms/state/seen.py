"""`SeenEvents`: which event ids were seen within the dedup horizon, and with what body.

Two different ids are taken for one only if 88 bits of their hashes agree; a changed body goes unnoticed only if 40 bits
agree. The latest half a million ids are in an exact table in memory (`RecentIds`). The rest is sealed in files,
sorted, 16 bytes an id; in memory stay about 6 bytes an id (`Fingerprints`), which say of a new id that no file
needs to be read for it, and of a duplicate which one.

>>> import numpy as np
>>> seen = SeenEvents(horizon_hours=24)
>>> one, hour, late = np.ones(2, np.uint64), np.zeros(2, np.int64), np.zeros(2, np.uint8)
>>> seen.admit(one, one, hour, late).tolist() == [NEW, DUPLICATE]
True
>>> seen.admit(one, one + (one << np.uint64(30)), hour, late).tolist() == [CONFLICT, CONFLICT]
True
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from schemas.kernels import kernel
from transforms.state import spill
from transforms.state.fingerprints import GROUPS, Fingerprints
from transforms.state.hashing import Hashes
from transforms.state.recent_ids import (
    ANCIENT,
    CONFLICT,
    DUPLICATE,
    LATE,
    NEW,
    TOO_LATE,
    Positions,
    RecentIds,
    by_part,
    compared,
)
from transforms.state.sealed import SortedArray

__all__ = ["ANCIENT", "CONFLICT", "DUPLICATE", "LATE", "NEW", "TOO_LATE", "SeenEvents"]

SEAL_IDS: Final = 1 << 19
SEAL_AT_MOST: Final = 8
"""While memory is not short, groups may become so many times as large."""
_SEAL_SHARE: Final = 32
"""With very many ids the sealed groups grow too, so that their numbers suffice."""

_SEALED: Final = np.dtype([("key", np.uint64), ("check", np.uint64)])

Verdicts = npt.NDArray[np.uint8]


@kernel
def _compare(held_keys, held_checks, ends, positions, keys, checks, late, verdicts):
    """Judge events whose key may be among the rows read for it."""
    for n in range(len(positions)):
        i = positions[n]
        for row in range(ends[n - 1] if n else 0, ends[n]):
            if held_keys[row] == keys[i]:
                verdict = compared(held_checks[row], checks[i], late[i])
                if verdict != NEW:
                    verdicts[i] = verdict


@dataclass(frozen=True, slots=True)
class _Group:
    """Ids that were sealed together, and the latest hour of any."""

    rows: SortedArray
    latest_hour: int


class SeenEvents:
    """The dedup horizon of one shard; hours are hours of event time since the epoch."""

    def __init__(self, horizon_hours: int) -> None:
        self._horizon = horizon_hours + 1
        self._recent = RecentIds()
        self._latest_hour = 0
        self._groups: dict[int, _Group] = {}
        self._fingerprints = Fingerprints()
        self._now: int | None = None

    def __len__(self) -> int:
        return len(self._recent) + len(self._fingerprints)

    def admit(
        self, keys: Hashes, checks: Hashes, hours: npt.NDArray[np.int64], late: npt.NDArray[np.uint8]
    ) -> Verdicts:
        """Judge each event in order; new ones are remembered, late ones that are new are not."""
        verdicts = np.full(len(keys), NEW, np.uint8)
        parts = by_part(keys)
        self._judge_sealed(parts, keys, checks, late, verdicts)
        self._recent.admit(parts, keys, checks, hours, late, verdicts)
        new = hours[verdicts == NEW]
        self._latest_hour = max(self._latest_hour, int(new.max(initial=0)))
        least = max(SEAL_IDS, len(self._fingerprints) // _SEAL_SHARE)
        if len(self._recent) >= least and (len(self._recent) >= SEAL_AT_MOST * least or spill.is_short()):
            self._seal()
        return verdicts

    def _judge_sealed(
        self, parts: Positions, keys: Hashes, checks: Hashes, late: npt.NDArray[np.uint8], verdicts: Verdicts
    ) -> None:
        maybe = self._fingerprints.match(keys, parts)
        for number in np.unique(maybe[:, 1]).tolist():
            positions = maybe[maybe[:, 1] == number, 0]
            rows, ends = self._groups[number].rows.near(keys[positions])
            _compare(rows["key"], rows["check"], ends, positions, keys, checks, late, verdicts)

    def _seal(self) -> None:
        free = set(range(1, GROUPS + 1)) - self._groups.keys()
        if not free:
            return
        group = _Group(SortedArray(_SEALED, "key"), self._latest_hour)
        self._groups[number := min(free)] = group
        for keys, checks in self._recent.ascending():
            rows = np.empty(len(keys), _SEALED)
            rows["key"], rows["check"] = keys, checks
            group.rows.append(rows)
            self._fingerprints.add(keys, number)
        self._recent.clear()
        self._latest_hour = 0

    def advance(self, hour: int) -> None:
        """Forget what fell out of the horizon, now and then, as the watermark passes hours."""
        if self._now is None:
            self._now = hour
        if hour < self._now + max(1, self._horizon // 8):
            return
        self._now = hour
        self._recent.forget(hour, self._horizon)
        past = [n for n, group in self._groups.items() if hour - group.latest_hour > self._horizon]
        if past:
            self._fingerprints.drop(past)
            for number in past:
                del self._groups[number]

    def state(self) -> dict[str, Any]:
        """Return what is remembered, for a snapshot: the recent table as it is, sealed ids as mapped views."""
        sealed = [(number, group.latest_hour, group.rows.whole()) for number, group in self._groups.items()]
        recent = {"recent": self._recent.state(), "latest_hour": self._latest_hour}
        return recent | {"sealed": sealed, "now": self._now}

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self._recent.load(state["recent"])
        self._latest_hour, self._now = state["latest_hour"], state["now"]
        self._groups, self._fingerprints = {}, Fingerprints()
        for number, latest_hour, rows in state["sealed"]:
            group = self._groups[number] = _Group(SortedArray(_SEALED, "key"), latest_hour)
            group.rows.append(rows)
            self._fingerprints.add(rows["key"], number)
