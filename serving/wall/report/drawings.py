"""The report's drawings as SVG: money by the minute with who was online, and coupons' ROI with its interval."""

from collections.abc import Callable, Sequence
from math import asinh
from typing import Final

from serving.wall.coupon_board import CouponLine
from serving.wall.report.markup import Markup, joined, tag
from serving.wall.room_view import Mark, Trend

WIDTH: Final = 1000
HEIGHT: Final = 240
LEFT: Final = 92
BOTTOM: Final = 24
MINUTE_MS: Final = 60_000
ROI_WIDTH: Final = 420
Tell = Callable[[str, float | None], str]
Clock = Callable[[int], str]


def trend_drawing(trend: Trend, marks: Sequence[Mark], tell: Tell, clock: Clock) -> Markup:
    """Draw GMV paid as bars, users online as a line, and what happened as dotted lines."""
    gmv = [value or 0 for value in trend.values["gmv_paid_minor"]]
    online = trend.values.get("online_users", [])
    if not gmv:
        return Markup("")
    step, top = (WIDTH - LEFT) / len(gmv), max(*gmv, 1)
    floor = HEIGHT - BOTTOM
    bars = [
        tag("rect", x=_n(LEFT + n * step), y=_n(floor - value / top * (floor - 20)), width=_n(step * 0.8),
            height=_n(value / top * (floor - 20)), klass="money")
        for n, value in enumerate(gmv) if value > 0
    ]  # fmt: skip
    labels = [
        tag("text", clock(trend.from_ms + n * MINUTE_MS), x=_n(LEFT + n * step), y=HEIGHT - 6)
        for n in range(0, len(gmv), max(1, len(gmv) // 12))
    ]
    scale = [
        tag("text", tell("gmv_paid_minor", top * part), x=LEFT - 6, y=_n(floor - part * (floor - 20) + 4), text_anchor="end")
        for part in (0.0, 0.5, 1.0)
    ]  # fmt: skip
    return tag(
        "svg", joined(bars), _online(online, step, floor), joined(_happened(marks, trend, step, floor)),
        joined(labels), joined(scale), viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img",
        aria_label="GMV paid by the minute as bars, users online as a line", klass="trend",
    )  # fmt: skip


def roi_drawing(coupon: CouponLine, most: float) -> Markup:
    """Draw what models credit as dots, what the coupon caused as a bar, and break-even as a line."""
    low = asinh(-most / 4)

    def at(value: float) -> float:
        return 6 + (asinh(min(max(value, -most / 4), most)) - low) / (asinh(most) - low) * (ROI_WIDTH - 12)

    parts = [
        tag("line", x1=4, x2=ROI_WIDTH - 4, y1=13, y2=13, klass="axis"),
        tag("line", x1=_n(at(1)), x2=_n(at(1)), y1=1, y2=25, klass="even"),
    ]
    if coupon.roi_low is not None and coupon.roi_high is not None:
        width = max(2.0, at(coupon.roi_high) - at(coupon.roi_low))
        parts.append(tag("rect", x=_n(at(coupon.roi_low)), width=_n(width), y=8, height=10, klass="interval"))
    parts += [
        tag("circle", cx=_n(at(roi)), cy=13, r=4, klass="credit" + (" last" if model == "last_touch" else ""))
        for model, roi in coupon.roi.items()
        if roi is not None
    ]
    if coupon.incremental_roi is not None:
        x = _n(at(coupon.incremental_roi))
        parts.append(tag("line", x1=x, x2=x, y1=4, y2=22, klass="point"))
    return tag(
        "svg", joined(parts), viewBox=f"0 0 {ROI_WIDTH} 26", role="img", klass="roi",
        aria_label=f"ROI of {coupon.coupon_id}: models as dots, incremental as a bar",
    )  # fmt: skip


def _online(values: Sequence[int | None], step: float, floor: int) -> Markup:
    known = [value for value in values if value is not None]
    if not known:
        return Markup("")
    top = max(*known, 1)
    points = [
        f"{_n(LEFT + (n + 0.4) * step)},{_n(floor - value / top * (floor - 20))}"
        for n, value in enumerate(values)
        if value is not None
    ]
    return tag("path", d="M" + "L".join(points), klass="online")


def _happened(marks: Sequence[Mark], trend: Trend, step: float, floor: int) -> list[Markup]:
    drawn = []
    for mark in marks:
        if mark.kind == "campaign":
            continue
        x = _n(LEFT + (mark.at_ms - trend.from_ms) / MINUTE_MS * step)
        drawn.append(tag("line", x1=x, x2=x, y1=14, y2=floor, klass=f"mark {mark.kind}"))
        drawn.append(
            tag("text", f"▾ {mark.id}" if mark.kind == "coupon" else "!", x=x, y=10, klass=mark.kind)
        )
    return drawn


def _n(value: float) -> str:
    return f"{value:.1f}"
