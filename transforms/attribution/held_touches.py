"""`HeldTouches`: every touch within the window, the recent ones in memory and the rest in sealed stretches.

Touches must be held for days, and an order asks for its user's own: few rows anywhere among all. So they are sealed in
stretches sorted by user, of which a look-up reads a kilobyte or two each; stretches of one size are merged, so
that there are few of them however many touches there are.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms.attribution import matching
from transforms.attribution.merging import merged
from transforms.attribution.sealed_touches import SEALED, TOLD, Found, Lines, Part, SealedTouches
from transforms.state import spill
from transforms.state.columns import Columns
from transforms.state.records import Records
from transforms.state.texts import Texts

SEAL_ROWS: Final = 1 << 19
SEAL_BYTES: Final = 64 << 20
SEAL_AT_MOST: Final = 8
"""While memory is not short, stretches may become so many times as large."""
MERGE: Final = 8
"""So many stretches of about one size become one."""
LARGEST_MERGED_ROWS: Final = 1 << 23
"""Larger ones stay as they are: merging takes a microsecond a row, and what is merged is forgotten together."""
FORGET_SHARE: Final = 0.25
FORGET_LEAST: Final = 50_000

_PART_ROWS: Final = 1 << 16

Array = npt.NDArray[Any]


class HeldTouches:
    """All touches of one shard; users are row numbers, so that nothing is kept twice for them."""

    def __init__(self, clicks_ms: int, views_ms: int) -> None:
        self._clicks_ms, self._views_ms = clicks_ms, views_ms
        self._recent = Records(
            time=np.int64, place=np.uint64, merchant=np.uint64, user=np.int32, origin=np.int32, previous=np.int32,
            click=np.uint8,
        )  # fmt: skip
        self._ids = Texts()
        self._heads = Columns(recent=np.int32)
        self._sealed: list[SealedTouches] = []

    def __len__(self) -> int:
        return len(self._recent) + sum(len(sealed) for sealed in self._sealed)

    def admit_users(self, count: int) -> None:
        """Make room for so many users in all; every `user` given to `add` and `eligible` is below it."""
        more = count - len(self._heads)
        self._heads.extend(more, recent=np.full(more, -1))

    def add(self, ids: pa.StringArray, **columns: Array) -> None:
        """Add touches: time, place, merchant, user, origin, click."""
        first = len(self._recent)
        self._recent.extend(len(ids), **columns)
        self._ids.extend(ids)
        matching.link(first, self._recent["user"], self._recent["previous"], self._heads["recent"])
        size = max(len(self._recent) / SEAL_ROWS, self._ids.size / SEAL_BYTES)
        if size >= 1 and (size >= SEAL_AT_MOST or spill.is_short()):
            self._seal()

    def _seal(self) -> None:
        self._sealed.append(SealedTouches(self._parts_by_user()))
        self._recent.release()
        self._ids.release()
        self._heads["recent"][:] = -1
        while self._many_of_one_size():
            self._sealed[-MERGE:] = [merged(self._sealed[-MERGE:])]

    def _many_of_one_size(self) -> bool:
        last = [len(sealed) for sealed in self._sealed[-MERGE:]]
        return len(last) == MERGE and last[0] < min(MERGE * last[-1], LARGEST_MERGED_ROWS)

    def _parts_by_user(self) -> Iterator[Part]:
        order = matching.order_by_user(self._recent["user"], len(self._heads))
        for begin in range(0, len(order), _PART_ROWS):
            chosen = order[begin : begin + _PART_ROWS]
            ids = self._ids.take(chosen)
            offsets, text = ids.buffers()[1:]
            rows = np.zeros(len(chosen), SEALED)
            recent = self._recent.take(chosen)
            for name in ("time", "place", "merchant", "user", "origin", "click"):
                rows[name] = recent[name]
            rows["id_size"] = np.diff(np.frombuffer(offsets, np.int32))
            yield rows, np.frombuffer(text, np.uint8)

    def eligible(self, user: Array, pay_time: Array, place: Array, merchant: Array) -> Found:
        """Return the touches that each line may credit: line after line, in order of time, ties by event id."""
        order = np.argsort(user, kind="stable")
        lines = Lines.sorted_by_user(user[order], pay_time[order], place[order], merchant[order])
        everywhere = [sealed.eligible(lines, self._clicks_ms, self._views_ms) for sealed in self._sealed]
        found = _joined([*everywhere, self._recently(lines)])
        return _in_order(found._replace(line=order[found.line]))

    def _recently(self, lines: Lines) -> Found:
        touch = self._recent
        found = matching.match_chains(
            lines.user, lines.pay_time, lines.place, lines.merchant, self._heads["recent"], touch["previous"],
            touch["time"], touch["click"], touch["place"], touch["merchant"], self._clicks_ms, self._views_ms,
        )  # fmt: skip
        rows = found[:, 1]
        return Found._make([found[:, 0], *(touch[name][rows] for name in TOLD), self._ids.take(rows)])

    def forget(self, before_ms: int) -> None:
        """Drop the sealed stretches all of whose touches are older, and recent ones once they are a quarter."""
        self._sealed = [sealed for sealed in self._sealed if sealed.latest_ms >= before_ms]
        old = self._recent["time"] < before_ms
        if old.sum() < max(FORGET_LEAST, FORGET_SHARE * len(old)):
            return
        kept = np.flatnonzero(~old)
        self._recent.keep(kept)
        self._ids.keep(kept)
        self._heads["recent"][:] = -1
        matching.link(0, self._recent["user"], self._recent["previous"], self._heads["recent"])

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        parts = {"recent": self._recent.state(), "ids": self._ids.state(), "heads": self._heads.state()}
        return parts | {"sealed": [sealed.state() for sealed in self._sealed]}

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`."""
        self._recent.load(state["recent"])
        self._ids.load(state["ids"])
        self._heads.load(state["heads"])
        self._sealed = [SealedTouches.loaded(sealed) for sealed in state["sealed"]]


def _joined(found: list[Found]) -> Found:
    columns = (np.concatenate([part[n] for part in found]) for n in range(1 + len(TOLD)))
    return Found._make([*columns, pa.concat_arrays([part.ids for part in found])])


def _in_order(found: Found) -> Found:
    order = np.lexsort((found.time, found.line))
    text = Texts.of(found.ids)
    matching.order_ties(order, found.line, found.time, text.data, text.ends)
    return Found._make([*(column[order] for column in found[:-1]), text.take(order)])
