"""What is known about a creator: followers gained, sales and what they are made of."""

from typing import Final

from transforms.features.aggregations import Count, Ratio, Sum, TopK
from transforms.features.view import FeatureView

_PAID: Final = "order.paid"

CREATORS: Final = (
    FeatureView(
        "creator_sales",
        entity="creator_id",
        on=["view", "follow", _PAID, "order.refunded"],
        aggregations=[
            Count(name="followers_gained", on="follow", unit="follows"),
            Sum("amount_minor", name="gmv", on=_PAID, unit="minor units"),
            Ratio(
                Sum("amount_minor", on=_PAID), Count(on="view"), name="gpm", scale=1000.0,
                unit="minor units a thousand views",
            ),
            Ratio(
                Count(on="order.refunded"), Count(on=_PAID), name="refund_rate", prior=(1.0, 19.0), unit="refunds a line"
            ),
            TopK("category_id", k=5, name="categories", on=_PAID, windows=("30d",), unit="category ids"),
        ],
        windows=["1h", "1d", "30d"],
        owner="live",
        doc="What a creator sells, and what followers it gains.",
    ),
)  # fmt: skip
