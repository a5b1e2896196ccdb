"""How figures move: by the minute, and in the last five minutes against the five before.

>>> change([1, 1, 1, 1, 1, 2, 2, 2, 2, 2])
1.0
>>> change([0] * 5 + [3] * 5), change([1, 2])
(None, None)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from serving.metrics import MetricsRow
from serving.wall.broadcasts import MINUTE_MS, Span

TILES: Final = ("gmv_paid_minor", "net_gmv_minor", "orders_paid", "buyers", "online_users", "viewers")
RATIOS: Final = (
    "gpm_views_minor", "gpm_viewers_minor", "ctr", "click_to_paid", "aov_minor", "refund_rate", "new_customer_share",
)  # fmt: skip
PACE_MINUTES: Final = 5
SPARK_MINUTES: Final = 30
UNIQUE: Final = ("buyers", "viewers")
"""Distinct users do not add up over minutes, so part of a show has none."""


@dataclass(frozen=True)
class Tile:
    """One large figure: its value (None: not known), its pace as a share, and its last 30 minutes."""

    metric: str
    value: int | float | None
    change: float | None
    spark: list[int | None]


def series(span: Span, metric: str, to_ms: int) -> list[int | None]:
    """Return one value for each minute of a show up to a moment, 0 where nothing happened, None where unknown."""
    by_start = {row.window_start_ms: row for row in span.minutes}
    return [_value(by_start.get(start), metric) for start in range(span.from_ms, to_ms, MINUTE_MS)]


def change(values: Sequence[int | None]) -> float | None:
    """Return how much more the last five are than the five before; None where that was nothing or is unknown."""
    last, before = values[-PACE_MINUTES:], values[-2 * PACE_MINUTES : -PACE_MINUTES]
    if len(before) < PACE_MINUTES or None in last or None in before:
        return None
    earlier = sum(value or 0 for value in before)
    return sum(value or 0 for value in last) / earlier - 1 if earlier > 0 else None


def tiles(span: Span, total: Mapping[str, int | float | None], to_ms: int, *, is_part: bool) -> list[Tile]:
    """Return the six large figures, of the whole show or of its first part."""
    return [_tile(metric, span, total, to_ms, is_part=is_part) for metric in TILES]


def sums_to(span: Span, to_ms: int) -> dict[str, int]:
    """Return the counts of a show up to a moment."""
    rows = [row for row in span.minutes if (row.window_start_ms or 0) < to_ms]
    names = rows[0].values if rows else ()
    return {name: sum(row.values[name] for row in rows) for name in names}


def _tile(
    metric: str, span: Span, total: Mapping[str, int | float | None], to_ms: int, *, is_part: bool
) -> Tile:
    values = series(span, metric, to_ms)
    if metric == "online_users":
        known = [value for value in values if value is not None]
        value: int | float | None = known[-1] if known else None
    else:
        value = None if is_part and metric in UNIQUE else total.get(metric)
    return Tile(metric, value, change(values), values[-SPARK_MINUTES:])


def _value(row: MetricsRow | None, metric: str) -> int | None:
    if row is None:
        return 0
    value = row.figures.get(metric)
    return None if value is None else int(value)
