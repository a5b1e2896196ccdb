"""`CouponBook`: every coupon's life: granted, activated, spent exposure by exposure, exhausted or expired.

Each exposure (a view that the coupon paid for) consumes one of the impressions that were bought, as long as there are
any and the coupon's life is not over (`CouponTerms`); what comes beyond is over-delivered and costs nothing. So figures
are a function of the set of events, and exposures older than anything that may still be accepted need only be counted:
about 12 bytes an exposure within the lateness, and some hundred a coupon, for as long as the job.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from transforms.attribution.coupon_events import EXPOSED
from transforms.attribution.coupon_terms import NEVER_MS, CouponTerms, statements
from transforms.state.columns import Columns
from transforms.state.hashing import hash_text
from transforms.state.index import HashIndex
from transforms.state.texts import Texts

CouponBody = tuple[Any, ...]
"""The fields of `schemas.records.CouponRecord`, in order."""


class CouponBook:
    """All coupons of a job."""

    def __init__(self, lateness_ms: int) -> None:
        self._lateness_ms, self._latest_ms = lateness_ms, -NEVER_MS
        self._index, self._ids, self._told = HashIndex(), Texts(), list[CouponTerms]()
        self._coupon = Columns(within=np.int64, beyond=np.int64, ends=np.int64, dirty=np.uint8, over=np.uint8)
        self._recent = Columns(coupon=np.int32, time=np.int64)

    def __len__(self) -> int:
        return len(self._told)

    def see(self, latest_ms: int) -> None:
        """Hear how far events have got, which is what expires coupons."""
        self._latest_ms = max(self._latest_ms, latest_ms)

    def absorb_events(self, events: pa.RecordBatch) -> None:
        """Take coupon events (columns of `coupon_events`); they are few, each takes some steps of Python."""
        rows = self._rows_of(events["coupon_id"])
        for row, statement in zip(rows.tolist(), statements(events), strict=True):
            self._told[row].hear(*statement)
            self._coupon["ends"][row] = self._told[row].ends_ms
        self._coupon["dirty"][rows] = 1

    def absorb_exposures(self, exposures: pa.RecordBatch) -> None:
        """Take exposures (columns of `exposures_of`)."""
        rows = self._rows_of(exposures["coupon_id"])
        self._recent.extend(len(rows), coupon=rows, time=exposures[EXPOSED].to_numpy())
        self._coupon["dirty"][rows] = 1

    def _rows_of(self, ids: pa.StringArray) -> Any:
        known = len(self._index)
        rows = self._index.rows_of(hash_text(ids))
        more = len(self._index) - known
        if more:
            _, first = np.unique(rows, return_index=True)
            self._ids.extend(ids.take(pa.array(first[rows[first] >= known])))
            self._told.extend(CouponTerms() for _ in range(more))
            self._coupon.extend(more, ends=np.full(more, NEVER_MS))
        return rows

    def find(self, coupon: int) -> tuple[str, CouponTerms] | None:
        """Return the id and what is told of a coupon, by the hash of its id; None where no event named it."""
        row = int(self._index.find(np.array([coupon], np.uint64))[0])
        return (self._ids[row], self._told[row]) if row >= 0 else None

    def forget(self, watermark_ms: int) -> None:
        """Count exposures that nothing acceptable can judge anew, and drop their times."""
        old = self._recent["time"] < watermark_ms - self._lateness_ms
        if not old.any():
            return
        within, beyond = self._counted(np.flatnonzero(old))
        self._coupon["within"][:] += within
        self._coupon["beyond"][:] += beyond
        self._recent.keep(np.flatnonzero(~old))

    def _counted(self, rows: Any) -> tuple[Any, Any]:
        """Count some recent exposures of every coupon, within its life and beyond."""
        coupon, time = self._recent["coupon"][rows], self._recent["time"][rows]
        is_within = time <= self._coupon["ends"][coupon]
        count = len(self)
        return np.bincount(coupon[is_within], minlength=count), np.bincount(
            coupon[~is_within], minlength=count
        )

    def take_changed(self) -> Iterator[tuple[str, CouponBody]]:
        """Yield (coupon_id, the fields of a `CouponRecord`) of every coupon that has changed since the last call."""
        mark = self._coupon
        expired = (mark["ends"] < self._latest_ms) & (mark["over"] == 0)
        mark["over"][expired] = 1
        changed = np.flatnonzero((mark["dirty"] == 1) | expired)
        if not len(changed):
            return
        mark["dirty"][changed] = 0
        within, beyond = self._counted(slice(None))
        within, beyond = within + mark["within"], beyond + mark["beyond"]
        names = self._ids.take(changed).to_pylist()
        for name, row in zip(names, changed.tolist(), strict=True):
            yield name, self._body(self._told[row], int(within[row]), int(beyond[row]))

    def _body(self, told: CouponTerms, within: int, beyond: int) -> CouponBody:
        bought = told.told("impressions")
        spent = within if bought is None else min(within, bought)
        since = (told.since.get(status) for status in ("granted", "activated"))
        terms = ("cost_minor", "valid_from", "valid_to", "creator_id", "task_id", "holdout_share")
        return (
            told.status(spent, self._latest_ms), bought, spent, within + beyond - spent,
            *(told.told(name) for name in terms), *since,
        )  # fmt: skip

    def mark_all(self) -> None:
        """Call every coupon changed."""
        self._coupon["dirty"][:] = 1

    def _parts(self) -> dict[str, Any]:
        return {"index": self._index, "ids": self._ids, "coupon": self._coupon, "recent": self._recent}

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        parts = {name: part.state() for name, part in self._parts().items()}
        return parts | {"told": [each.state() for each in self._told], "latest": self._latest_ms}

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`; every coupon counts as changed, so that it is published again."""
        for name, part in self._parts().items():
            part.load(state[name])
        self._told = [CouponTerms.loaded(each) for each in state["told"]]
        self._latest_ms = state["latest"]
        self.mark_all()
