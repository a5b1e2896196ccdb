"""`CouponUsers`: what one shard of users tells of coupons' arms, so that figures can say what each coupon caused.

It follows `Exposures` and the lives of coupons, of which every shard hears all. State: of a coupon about 600 bytes, and
what `Exposures` states.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from transforms import views
from transforms.attribution.coupon_terms import CouponTerms, statements
from transforms.attribution.exposures import Exposures
from transforms.attribution.line_paths import Array
from transforms.state.hashing import hash_text


class CouponUsers:
    """The coupons of one shard of users; `refunds_ms` is how long after its payment a line may still change."""

    def __init__(self, refunds_ms: int) -> None:
        self._exposures, self._terms = Exposures(refunds_ms), dict[int, CouponTerms]()
        self._heard: list[pa.RecordBatch] = []

    def spent(self, users: Array, times_ms: Array, amounts: Array) -> None:
        """Take what users paid net as it changes; `CreditBook.settle` tells it."""
        if len(users):
            self._heard.append(self._exposures.absorb_spending(users, times_ms, amounts))

    def take(self, exposures: pa.RecordBatch, coupon_events: pa.RecordBatch) -> pa.RecordBatch:
        """Take a piece's exposures and coupon events; return the differences of sums since the last call."""
        heard, self._heard = self._heard, []
        if coupon_events.num_rows:
            heard.append(self._exposures.absorb_ends(*self._ends(coupon_events)))
        users, coupons = (views.numbers(exposures[name], np.uint64) for name in ("user", "coupon"))
        times, exposed = views.numbers(exposures["event_time_ms"], np.int64), exposures["exposed"].to_numpy()
        heard.append(self._exposures.absorb_exposures(users, coupons, times, exposed))
        return pa.concat_batches(heard)

    def _ends(self, coupon_events: pa.RecordBatch) -> tuple[Array, Array]:
        """Return the coupons that events name, and until when they live as is known by now."""
        named: dict[int, CouponTerms] = {}
        hashes = hash_text(coupon_events["coupon_id"]).tolist()
        for coupon, statement in zip(hashes, statements(coupon_events), strict=True):
            named[coupon] = self._terms.setdefault(coupon, CouponTerms())
            named[coupon].hear(*statement)
        ends = [terms.ends_ms for terms in named.values()]
        return np.array(list(named), np.uint64), np.array(ends, np.int64)

    def settle(self, before_ms: int) -> None:
        """Let go of what no event from `before_ms` on can change."""
        self._exposures.settle(before_ms)

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        terms = {coupon: told.state() for coupon, told in self._terms.items()}
        return {"exposures": self._exposures.state(), "terms": terms}

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`."""
        self._exposures.load(state["exposures"])
        self._terms = {coupon: CouponTerms.loaded(told) for coupon, told in state["terms"].items()}
