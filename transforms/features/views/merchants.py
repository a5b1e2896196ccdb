"""What is known about a merchant: sales, buyers and what they are made of."""

from typing import Final

from transforms.features.aggregations import Count, DistinctCount, Ratio, Sum, TopK
from transforms.features.view import FeatureView

_PAID: Final = "order.paid"

MERCHANTS: Final = (
    FeatureView(
        "merchant_sales",
        entity="merchant_id",
        on=["impression", _PAID, "order.refunded"],
        aggregations=[
            Sum("amount_minor", name="gmv", on=_PAID, unit="minor units"),
            Ratio(
                Sum("amount_minor", on=_PAID), Count(on="impression"), name="gpm", scale=1000.0,
                unit="minor units a thousand views",
            ),
            Ratio(
                Count(on="order.refunded"), Count(on=_PAID), name="refund_rate", prior=(1.0, 19.0), unit="refunds a line"
            ),
            DistinctCount("user_id", name="buyers", on=_PAID, windows=("30d",), unit="users"),
            TopK("category_id", k=5, name="categories", on=_PAID, windows=("30d",), unit="category ids"),
        ],
        windows=["1h", "1d", "30d"],
        owner="merchants",
        doc="What a merchant sells.",
    ),
)  # fmt: skip
