"""What is known about an item: traffic, sales, rates, price and age."""

from typing import Final

from transforms.features.aggregations import Count, DistinctCount, Last, Ratio, Sum
from transforms.features.view import FeatureView

_PAID: Final = "order.paid"

ITEMS: Final = (
    FeatureView(
        "item_traffic",
        entity="item_id",
        on=["impression", "click", _PAID, "order.refunded"],
        aggregations=[
            Count(name="views", on="impression", unit="events"),
            Count(name="clicks", on="click", unit="events"),
            Count(name="paid", on=_PAID, unit="order lines"),
            Sum("quantity", name="units", on=_PAID, unit="pieces"),
            Sum("amount_minor", name="gmv", on=_PAID, unit="minor units"),
            Ratio(Count(on="click"), Count(on="impression"), name="ctr", prior=(1.0, 19.0), unit="share"),
            Ratio(Count(on=_PAID), Count(on="click"), name="click_to_paid", prior=(1.0, 49.0), unit="share"),
            Ratio(
                Count(on="order.refunded"), Count(on=_PAID), name="refund_rate", prior=(1.0, 19.0), windows=("30d",),
                unit="refunds a line",
            ),
        ],
        windows=["1h", "1d", "30d"],
        owner="catalogue",
        doc="Views, clicks, orders and their rates; refunds are counted when they happen.",
    ),
    FeatureView(
        "item_facts",
        entity="item_id",
        on=["impression", "click", _PAID],
        aggregations=[
            Last("list_price_minor", name="price", unit="minor units"),
            Last("launched_ms", name="launched", unit="UTC ms"),
            DistinctCount("user_id", name="buyers", on=_PAID, unit="users"),
        ],
        windows=["30d"],
        owner="catalogue",
        doc="Price and launch as the dimension said at the newest event, and about how many bought it.",
    ),
)  # fmt: skip
