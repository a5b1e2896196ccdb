"""`SealedTouches`: a stretch of touches that moved out of memory, sorted by user.

A look-up reads a user's rows, and the event ids of what it found among them. Of a touch 0.1 byte stays in memory; 48 and
the event id are in files.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms.attribution import matching
from transforms.state.records import rows_of
from transforms.state.sealed import SealedArray, SortedArray
from transforms.state.texts import slices_of

_PART_ROWS: Final = 1 << 16
_GAP_BYTES: Final = 512
"""Ids that lie no further apart than this are read at once."""

SEALED: Final = np.dtype(
    [
        ("time", np.int64), ("place", np.uint64), ("merchant", np.uint64), ("id_start", np.int64), ("user", np.int32),
        ("origin", np.int32), ("id_size", np.int32), ("click", np.uint8),
    ],
    align=True,
)  # fmt: skip

Array = npt.NDArray[Any]
Part = tuple[Array, Array]
"""Rows with `id_start` of no meaning yet, and the bytes of their event ids, one after another."""


class Lines(NamedTuple):
    """Lines to be credited, in order of user; `first` is each user's first line, and the number of lines."""

    user: Array
    pay_time: Array
    place: Array
    merchant: Array
    users: Array
    first: Array

    @classmethod
    def sorted_by_user(cls, user: Array, pay_time: Array, place: Array, merchant: Array) -> "Lines":
        """Take lines whose `user` ascends."""
        users, first = np.unique(user, return_index=True)
        return cls(user, pay_time, place, merchant, users, np.append(first, len(user)))


TOLD: Final = ("time", "origin", "place", "click")


class Found(NamedTuple):
    """Touches that lines may credit: the line's position among those asked for, and what is told of the touch."""

    line: Array
    time: Array
    origin: Array
    place: Array
    click: Array
    ids: pa.StringArray


class SealedTouches:
    """One stretch; `parts` come in order of user."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self._rows, self._ids = SortedArray(SEALED, "user"), SealedArray(np.uint8)
        self.latest_ms = 0
        for rows, text in parts:
            sizes = rows["id_size"].astype(np.int64)
            rows["id_start"] = len(self._ids) + np.cumsum(sizes) - sizes
            self.latest_ms = max(self.latest_ms, int(rows["time"].max(initial=0)))
            self._rows.append(rows)
            self._ids.append(text)

    def __len__(self) -> int:
        return len(self._rows)

    def eligible(self, lines: Lines, clicks_ms: int, views_ms: int) -> Found:
        """Return which of these touches the lines may credit, in no order."""
        rows, ends = self._rows.near(lines.users)
        found = matching.match_ranges(
            lines.first, ends, lines.user, lines.pay_time, lines.place, lines.merchant,
            rows["user"], rows["time"], rows["click"], rows["place"], rows["merchant"], clicks_ms, views_ms,
        )  # fmt: skip
        chosen = rows_of(rows, found[:, 1])
        return Found._make([found[:, 0], *(chosen[name] for name in TOLD), self._ids_of(chosen)])

    def _ids_of(self, rows: Array) -> pa.StringArray:
        starts, sizes = rows["id_start"], rows["id_size"].astype(np.int64)
        order = np.argsort(starts, kind="stable")
        ordered, ends = starts[order], (starts + sizes)[order]
        apart = np.flatnonzero(ordered[1:] > ends[:-1] + _GAP_BYTES) + 1
        begins = ordered[np.append(0, apart)] if len(rows) else ordered
        upto = ends[np.append(apart - 1, len(rows) - 1)] if len(rows) else ends
        text = self._ids.ranges(begins, upto)
        sought = np.searchsorted(begins, starts, "right") - 1
        offsets = np.cumsum(upto - begins) - (upto - begins)
        return slices_of(text, starts - begins[sought] + offsets[sought], sizes)

    def part(self, begin: int, end: int) -> Part:
        """Read some of the rows with their ids."""
        rows = self._rows.ranges(np.array([begin]), np.array([end])).copy()
        if not len(rows):
            return rows, np.zeros(0, np.uint8)
        last = rows[-1]["id_start"] + rows[-1]["id_size"]
        return rows, self._ids.ranges(rows["id_start"][:1], np.array([last]))

    def state(self) -> dict[str, Any]:
        """Return rows and ids as mapped views, for a snapshot."""
        return {"rows": self._rows.whole(), "ids": self._ids.whole()}

    @classmethod
    def loaded(cls, state: dict[str, Any]) -> "SealedTouches":
        """Return the stretch of an earlier `state()`."""
        rows, text = state["rows"], state["ids"]
        ends = (
            rows["id_start"][_PART_ROWS - 1 :: _PART_ROWS] + rows["id_size"][_PART_ROWS - 1 :: _PART_ROWS]
        ).tolist()
        cuts = [0, *ends, len(text)]
        starts = range(0, len(rows), _PART_ROWS)
        return cls(
            (rows[at : at + _PART_ROWS].copy(), text[cuts[n] : cuts[n + 1]]) for n, at in enumerate(starts)
        )
