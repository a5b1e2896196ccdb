"""What is wrong or new: figures held to a benchmark, each with what, how much, against what, and since when.

>>> [alarm.kind for alarm in pace_alarms("room", "r1", [10] * 30 + [1] * 5, 0)]
['gmv_fell']
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from serving.wall.coupon_board import CouponLine
from serving.wall.pace import PACE_MINUTES

MINUTE_MS: Final = 60_000
FELL: Final = 0.5
"""Money of the last five minutes below this share of the half hour before is told."""
ROSE: Final = 2.0
REFUNDS_AGAINST: Final = 1.5
"""A refund rate above this many times the platform's is told."""
LATE_SHARE: Final = 0.01
ENOUGH_ORDERS: Final = 30


@dataclass(frozen=True)
class Alarm:
    """One line: `kind` names the rule, `value` stands against `benchmark`; `severity` is alarm, warn or good."""

    kind: str
    severity: str
    scope: str
    id: str
    value: float | None
    benchmark: float | None
    since_ms: int | None


def pace_alarms(scope: str, identifier: str, gmv: Sequence[int | None], last_start_ms: int) -> list[Alarm]:
    """Tell of money that fell or rose: the mean minute of the last five against that of the 30 before."""
    lately = [value or 0 for value in gmv[-PACE_MINUTES:]]
    before = [value or 0 for value in gmv[-30 - PACE_MINUTES : -PACE_MINUTES]]
    if len(before) < 10 or not sum(before):
        return []
    now, usual = sum(lately) / len(lately), sum(before) / len(before)
    since = last_start_ms - (PACE_MINUTES - 1) * MINUTE_MS
    if now < FELL * usual:
        return [Alarm("gmv_fell", "alarm", scope, identifier, now, usual, since)]
    if now > ROSE * usual:
        return [Alarm("gmv_rose", "good", scope, identifier, now, usual, since)]
    return []


def ratio_alarms(
    scope: str,
    identifier: str,
    own: Mapping[str, int | float | None],
    platform: Mapping[str, int | float | None],
    since_ms: int | None,
) -> list[Alarm]:
    """Tell of refunds and conversion that are far from the whole platform's, once there are enough orders."""
    if (own.get("orders_paid") or 0) < ENOUGH_ORDERS:
        return []
    found = []
    refunds, usual = own.get("refund_rate"), platform.get("refund_rate")
    if refunds is not None and usual and refunds > REFUNDS_AGAINST * usual:
        found.append(Alarm("refunds_high", "alarm", scope, identifier, refunds, usual, since_ms))
    paid, usual = own.get("click_to_paid"), platform.get("click_to_paid")
    if paid is not None and usual and paid < FELL * usual:
        found.append(Alarm("conversion_low", "warn", scope, identifier, paid, usual, since_ms))
    return found


def coupon_alarms(coupons: Sequence[CouponLine]) -> list[Alarm]:
    """Tell of coupons that delivered beyond what was bought, and of those whose credit is not what they caused."""
    found = []
    for coupon in coupons:
        since = coupon.activated_at_ms or coupon.granted_at_ms
        if coupon.over_delivered and coupon.bought:
            found.append(
                Alarm(
                    "coupon_over",
                    "warn",
                    "coupon",
                    coupon.coupon_id,
                    coupon.over_delivered,
                    coupon.bought,
                    since,
                )
            )
        credited = coupon.roi.get("last_touch")
        if credited is not None and coupon.roi_high is not None and coupon.roi_high < min(1.0, credited):
            found.append(
                Alarm("coupon_idle", "alarm", "coupon", coupon.coupon_id, coupon.roi_high, credited, since)
            )
        if coupon.roi_low is not None and coupon.roi_low > 1:
            found.append(Alarm("coupon_pays", "good", "coupon", coupon.coupon_id, coupon.roi_low, 1.0, since))
    return found


def newest_first(alarms: Sequence[Alarm]) -> list[Alarm]:
    """Return alarms, the latest first, equal moments by what they are of."""
    return sorted(alarms, key=lambda alarm: (-(alarm.since_ms or 0), alarm.kind, alarm.id))
