"""Traffic coupons of one creator: what was spent, what each model credits, and what they caused."""

from dataclasses import dataclass

from schemas.metrics import MODELS
from schemas.records import CouponRecord, IncrementalityRecord
from serving.access import Store
from serving.attribution import read_attribution
from serving.coupons import read_coupons
from serving.incrementality import read_incrementality


@dataclass(frozen=True)
class CouponLine:
    """One coupon; ROI by model, and the incremental one with its 95 % interval where there was a hold-out.

    `used_share` is of the cost, by exposures spent; None where an event has not said.
    """

    coupon_id: str
    creator_id: str | None
    status: str
    cost_minor: int | None
    bought: int | None
    spent: int
    over_delivered: int
    used_share: float | None
    roi: dict[str, float | None]
    incremental_roi: float | None
    roi_low: float | None
    roi_high: float | None
    incremental_gmv_minor: int | None
    would_have_come_share: float | None
    granted_at_ms: int | None
    activated_at_ms: int | None
    valid_from_ms: int | None
    valid_to_ms: int | None


def read_coupon_board(store: Store, creator_id: str | None = None) -> list[CouponLine]:
    """Return the coupons of a creator, or all, dearest first; one read a bucket, and one a model."""
    held = [
        coupon
        for coupon in read_coupons(store)
        if creator_id is None or coupon.record.creator_id == creator_id
    ]
    if not held:
        return []
    lifts = {lift.coupon_id: lift.record for lift in read_incrementality(store, [c.coupon_id for c in held])}
    roi = {model: {row.id: row.roi for row in read_attribution(store, model, "coupon")} for model in MODELS}
    lines = [
        _line(
            coupon.coupon_id,
            coupon.record,
            lifts.get(coupon.coupon_id),
            {model: found.get(coupon.coupon_id) for model, found in roi.items()},
        )
        for coupon in held
    ]
    return sorted(lines, key=lambda line: (-(line.cost_minor or 0), line.coupon_id))


def roi_bounds(lift: IncrementalityRecord) -> tuple[float | None, float | None]:
    """Return the interval of the incremental ROI: that of the lift, times users exposed, over the cost."""
    if not lift.cost_minor or lift.ci_low is None or lift.ci_high is None:
        return None, None
    return lift.ci_low * lift.exposed / lift.cost_minor, lift.ci_high * lift.exposed / lift.cost_minor


def _line(
    coupon_id: str, record: CouponRecord, lift: IncrementalityRecord | None, roi: dict[str, float | None]
) -> CouponLine:
    low, high = roi_bounds(lift) if lift else (None, None)
    return CouponLine(
        coupon_id,
        record.creator_id,
        record.status,
        record.cost_minor,
        record.bought,
        record.spent,
        record.over_delivered,
        record.spent / record.bought if record.bought else None,
        roi,
        lift.incremental_roi if lift else None,
        low,
        high,
        lift.incremental_gmv_minor if lift else None,
        lift.would_have_come_share if lift else None,
        record.granted_at_ms,
        record.activated_at_ms,
        record.valid_from_ms,
        record.valid_to_ms,
    )
