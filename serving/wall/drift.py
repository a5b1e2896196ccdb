"""Whether what users do has drifted: the newest hour's rates against those of the day before it.

A rate is a share of trials (clicks of impressions), so two spans are compared by the two-proportion z-test with a pooled
variance (Fleiss, Statistical Methods for Rates and Proportions, 2.3). With many trials the smallest difference is certain,
so one is told only if it is large, too.

>>> round(z_score((60, 1000), (100, 1000)), 2)
-3.3
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

from serving.access import Store
from serving.metrics import MetricsRow, read_metrics
from serving.wall.alarms import Alarm

HOUR_MS: Final = 3_600_000
HOURS_BEFORE: Final = 24
LOOKED_BACK_MS: Final = 14 * 24 * HOUR_MS
"""A replay's figures may be as of a week after the last view: the last parcel came then."""
RATES: Final = {
    "ctr": ("clicks", "impressions"),
    "click_to_paid": ("orders_paid", "clicks"),
    "new_customer_share": ("new_customer_orders", "orders_paid"),
}
ENOUGH: Final = 300
"""Trials that both spans must have."""
CERTAIN: Final = 4.0
"""Beyond so many standard errors; chance alone gets there once in 16,000 comparisons."""
LARGE: Final = 0.2
"""A change of a rate by this share of itself."""
Counted = tuple[int, int]


@dataclass(frozen=True)
class Drift:
    """One rate of the platform: now, in the day before, and by how many standard errors they differ."""

    metric: str
    now: float
    before: float
    z: float
    drifted: bool
    since_ms: int


def read_drift(store: Store, as_of_ms: int | None) -> list[Drift]:
    """Return the rates that both spans have enough of; one small read for each hour of two weeks, in one round trip."""
    if as_of_ms is None:
        return []
    hours = [
        row
        for row in read_metrics(store, "platform", "all", window="hour", from_ms=as_of_ms - LOOKED_BACK_MS)
        if row.values["views"]
    ]
    return drift_of(hours)


def drift_of(hours: Sequence[MetricsRow]) -> list[Drift]:
    """Compare the last of these hours with those of the day before it."""
    if not hours:
        return []
    newest = hours[-1]
    since_ms = newest.window_start_ms or 0
    before = [row for row in hours[:-1] if (row.window_start_ms or 0) >= since_ms - HOURS_BEFORE * HOUR_MS]
    found = []
    for metric, names in RATES.items():
        now, then = _counted([newest], names), _counted(before, names)
        if min(now[1], then[1]) >= ENOUGH and now[0] <= now[1] and then[0] <= then[1]:
            found.append(_drift(metric, now, then, since_ms))
    return found


def drift_alarms(found: Sequence[Drift]) -> list[Alarm]:
    """Tell of the rates that drifted."""
    return [
        Alarm("drift", "warn", "platform", each.metric, each.now, each.before, each.since_ms)
        for each in found
        if each.drifted
    ]


def z_score(one: Counted, other: Counted) -> float:
    """Return by how many standard errors two shares (hits, trials) differ; 0 where neither or both are all hits."""
    (hits, trials), (hits_then, trials_then) = one, other
    pooled = (hits + hits_then) / (trials + trials_then)
    variance = pooled * (1 - pooled) * (1 / trials + 1 / trials_then)
    return (hits / trials - hits_then / trials_then) / sqrt(variance) if variance else 0.0


def _drift(metric: str, now: Counted, then: Counted, since_ms: int) -> Drift:
    rate, usual, z = now[0] / now[1], then[0] / then[1], z_score(now, then)
    large = abs(rate - usual) >= LARGE * usual
    return Drift(metric, rate, usual, z, abs(z) >= CERTAIN and large, since_ms)


def _counted(rows: Sequence[MetricsRow], names: tuple[str, str]) -> Counted:
    hits, trials = (sum(row.values[name] for row in rows) for name in names)
    return hits, trials
