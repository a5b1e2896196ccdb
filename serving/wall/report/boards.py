"""The report's tables: funnel, products, traffic sources, coupons, and what each figure is."""

from typing import Final

from schemas.metrics import DEFINITIONS
from serving.wall.coupon_board import CouponLine
from serving.wall.report.drawings import Tell, roi_drawing
from serving.wall.report.markup import Markup, tag
from serving.wall.room_view import RoomView

LABELS: Final = {
    "gmv_paid_minor": "GMV paid", "net_gmv_minor": "net GMV", "orders_paid": "orders", "buyers": "buyers",
    "viewers": "viewers", "clickers": "clickers", "repurchase_orders": "bought again",
    "gpm_views_minor": "GPM by views", "gpm_viewers_minor": "GPM by viewers", "ctr": "CTR",
    "click_to_paid": "click → paid", "aov_minor": "AOV", "refund_rate": "refunds",
    "new_customer_share": "new customers",
}  # fmt: skip
"""The figures of a report, as people call them."""
FUNNEL: Final = ("viewers", "clickers", "buyers", "repurchase_orders")


def funnel_table(view: RoomView, tell: Tell) -> Markup:
    """Return how many went on from step to step."""
    values = [view.total.get(name) for name in FUNNEL]
    rows = []
    for name, value, before in zip(FUNNEL, values, [None, *values[:-1]], strict=True):
        went_on = f"{value / before:.1%}" if value is not None and before else "–"
        rows.append([LABELS[name], tell(name, value), went_on])
    return _table(["step", "", "of the step before"], rows)


def product_table(view: RoomView, tell: Tell) -> Markup:
    """Return the items that the broadcast sold."""
    suggested = {
        each.item_id: f"{n} ({each.reason})" for n, each in enumerate(view.suggestions.items, start=1)
    }
    rows = [
        [
            product.item_id, tell("gmv_paid_minor", product.gmv_paid_minor), f"{product.orders_paid:,}",
            tell("refunds_minor", product.refunds_minor), f"{product.impressions:,}", f"{product.clicks:,}",
            tell("ctr", product.ctr), tell("click_to_paid", product.click_to_paid), suggested.get(product.item_id, ""),
        ]
        for product in view.products
    ]  # fmt: skip
    names = [
        "item",
        "GMV paid",
        "orders",
        "refunded",
        "impressions",
        "clicks",
        "CTR",
        "click → paid",
        "suggested",
    ]
    return _table(names, rows)


def source_table(view: RoomView, tell: Tell) -> Markup:
    """Return where views and money came from."""
    rows = [
        [
            source.source, f"{source.views:,}", _share(source.views_share),
            tell("gmv_paid_minor", source.gmv_paid_minor), _share(source.money_share),
        ]
        for source in view.sources
    ]  # fmt: skip
    return _table(["source", "views", "share", "GMV paid", "share"], rows)


def coupon_table(view: RoomView, tell: Tell) -> Markup:
    """Return the host's coupons, with what models credit and what they caused."""
    if not view.coupons:
        return tag("p", "This host has no traffic coupon.")
    known = [
        roi for coupon in view.coupons for roi in (*coupon.roi.values(), coupon.roi_high) if roi is not None
    ]
    most = max(2.0, *known)
    rows: list[list[str]] = [
        [
            coupon.coupon_id, coupon.status, tell("cost_minor", coupon.cost_minor), _share(coupon.used_share),
            _times(coupon.roi.get("last_touch")), _incremental(coupon), roi_drawing(coupon, most),
        ]
        for coupon in view.coupons
    ]  # fmt: skip
    return _table(["coupon", "status", "cost", "used", "last touch", "incremental", "ROI"], rows)


def _incremental(coupon: CouponLine) -> str:
    if coupon.incremental_roi is None:
        return "no hold-out"
    if coupon.roi_low is None:
        return f"{_times(coupon.incremental_roi)} (too few users)"
    return f"{_times(coupon.incremental_roi)} [{_times(coupon.roi_low)} … {_times(coupon.roi_high)}]"


def definition_table() -> Markup:
    """Return what each figure of a report is."""
    return _table(
        ["figure", "name", "is"], [[label, name, DEFINITIONS[name]] for name, label in LABELS.items()]
    )


def _table(names: list[str], rows: list[list[str]]) -> Markup:
    head = tag("tr", *(tag("th", name, scope="col") for name in names))
    lines = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows]
    return tag("div", tag("table", tag("thead", head), tag("tbody", *lines)), klass="wide")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _times(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}×"
