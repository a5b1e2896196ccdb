"""`CouponLifts`: what each coupon with a hold-out caused, beside what was attributed to it.

It sums up both arms of all shards of users (`CouponArms`) and the coupon's credit under the model and window that it is
told. State: about 400 bytes a coupon, for as long as the job.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.keys import US
from schemas.records import IncrementalityRecord
from transforms import views
from transforms.attribution.coupon_arms import CouponArms
from transforms.attribution.coupon_book import CouponBook
from transforms.attribution.exposure_kernels import EXPOSED, HELD_OUT
from transforms.attribution.incrementality import Incrementality, incrementality
from transforms.state.hashing import hash_text

_COUPON: Final = f"coupon{US}"


class CouponLifts:
    """All coupons of a job; `group` numbers the credit (`credit_group`) that is told beside."""

    def __init__(self, group: int) -> None:
        self._group, self._arms = group, CouponArms()
        self._attributed: dict[int, int] = {}
        self._changed: set[int] = set()

    def absorb(self, differences: pa.RecordBatch) -> None:
        """Add differences of `Exposures`."""
        self._arms.absorb(differences)

    def absorb_credit(self, partials: pa.RecordBatch) -> None:
        """Add what coupons gain and lose, among partial sums of family `a`."""
        chosen = views.numbers(partials["group"], np.int8) == self._group
        ids = partials["id"].filter(pa.array(chosen))
        is_coupon = pc.starts_with(ids, _COUPON).to_numpy(zero_copy_only=False)
        if not is_coupon.any():
            return
        rows = np.flatnonzero(chosen)[is_coupon]
        names = pc.utf8_slice_codeunits(ids.filter(pa.array(is_coupon)), len(_COUPON))
        for coupon, credit in zip(
            hash_text(names).tolist(), views.vectors(partials["a"])[rows, 0].tolist(), strict=True
        ):
            self._attributed[coupon] = self._attributed.get(coupon, 0) + credit
            self._changed.add(coupon)

    def hear(self, coupon_ids: pa.StringArray) -> None:
        """Call coupons changed whose terms may be others now."""
        self._changed.update(hash_text(coupon_ids).tolist())

    def take_changed(self, book: CouponBook) -> Iterator[tuple[str, IncrementalityRecord]]:
        """Yield (coupon_id, what is published) of every coupon with a hold-out that has changed since the last call."""
        changed = self._changed.union(self._arms.take_changed())
        self._changed.clear()
        for coupon in sorted(changed):
            if (found := book.find(coupon)) is None:
                continue
            name, terms = found
            if share := terms.told("holdout_share"):
                yield name, self._record(coupon, share, terms.told("cost_minor"))

    def _record(self, coupon: int, share: float, cost_minor: int | None) -> IncrementalityRecord:
        exposed, held_out = self._arms.arm(coupon, EXPOSED), self._arms.arm(coupon, HELD_OUT)
        attributed = self._attributed.get(coupon, 0)
        return _published(share, incrementality(exposed, held_out, share, cost_minor, attributed))

    def mark_all(self) -> None:
        """Call every coupon changed."""
        self._changed.update(self._attributed, self._arms.coupons())

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {"arms": self._arms.state(), "attributed": dict(self._attributed)}

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`; every coupon counts as changed, so that it is published again."""
        self._arms.load(state["arms"])
        self._attributed = dict(state["attributed"])
        self.mark_all()


def _published(share: float, found: Incrementality) -> IncrementalityRecord:
    lift, caused = found.lift, found.incremental_minor
    return IncrementalityRecord(
        share, found.exposed_users, found.held_out_users,
        lift and lift.mean_minor, lift and lift.low_minor, lift and lift.high_minor,
        None if caused is None else round(caused.mean_minor),
        found.cost_minor, found.incremental_roi, found.attributed_minor, found.anyway_share,
    )  # fmt: skip
