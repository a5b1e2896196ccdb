"""What is known about a user: activity, spend, tastes, recency and value, answers to coupons."""

from typing import Final

from transforms.features.aggregations import Count, DistinctCount, Last, Mean, Ratio, Since, Sum, TopK
from transforms.features.view import FeatureView

_PAID: Final = "order.paid"
_OWNER: Final = "growth"

USERS: Final = (
    FeatureView(
        "user_activity",
        entity="user_id",
        on=["view", "click", _PAID],
        aggregations=[
            Count(name="views", on="view", unit="events"),
            Count(name="clicks", on="click", unit="events"),
            Count(name="paid", on=_PAID, unit="order lines"),
            Sum("amount_minor", name="spend", on=_PAID, unit="minor units"),
            Mean("amount_minor", name="mean_line", on=_PAID, windows=("30d",), unit="minor units"),
            Ratio(
                Count(on=_PAID, where="is_new"), Count(on=_PAID), name="new_product_share", windows=("30d",), unit="share"
            ),
        ],
        windows=["5m", "1h", "1d", "30d"],
        owner=_OWNER,
        doc="How much a user looks, clicks and buys; what is cancelled or refunded is taken back.",
    ),
    FeatureView(
        "user_tastes",
        entity="user_id",
        on=["view", "click", _PAID],
        aggregations=[
            DistinctCount("item_id", name="items", on=("impression", "click"), unit="items"),
            DistinctCount("merchant_id", name="merchants", on="click", unit="merchants"),
            TopK("hour", k=3, name="hours", on="click", unit="hours of the day"),
        ],
        windows=["30d"],
        owner=_OWNER,
        doc="How widely a user looks, and at which hours.",
    ),
    FeatureView(
        "user_recent",
        entity="user_id",
        on=["view", "click"],
        aggregations=[
            Last("item_id", n=20, name="items", on=("impression", "click"), unit="item ids"),
            Last("room_id", n=20, name="rooms", on="entry", unit="room ids"),
        ],
        windows=["30d"],
        owner=_OWNER,
        doc="The last items and rooms that a user saw, newest first.",
    ),
    FeatureView(
        "user_value",
        entity="user_id",
        on=["view", "click", _PAID],
        aggregations=[
            Since(name="since_seen", unit="ms"),
            Since(name="since_paid", on=_PAID, unit="ms"),
            Count(name="frequency", on=_PAID, unit="order lines"),
            Sum("amount_minor", name="monetary", on=_PAID, unit="minor units"),
        ],
        windows=["30d"],
        owner=_OWNER,
        doc="Recency, frequency and monetary value.",
    ),
    FeatureView(
        "user_coupons",
        entity="user_id",
        on=["view", "click", _PAID],
        aggregations=[
            Ratio(
                Count(on="click", where="has_coupon"), Count(on="view", where="has_coupon"),
                name="click_rate", prior=(1.0, 9.0), unit="share",
            ),
            Ratio(
                Count(on=_PAID, where="has_coupon"), Count(on="view", where="has_coupon"),
                name="order_rate", prior=(1.0, 99.0), unit="share",
            ),
        ],
        windows=["30d"],
        owner=_OWNER,
        doc="How a user answers to exposures that a traffic coupon paid for: clicks and orders over exposures.",
    ),
)  # fmt: skip
