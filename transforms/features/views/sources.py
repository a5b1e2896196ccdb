"""How an item does in the traffic of each source."""

from typing import Final

from transforms.features.aggregations import Count, Ratio
from transforms.features.view import FeatureView

_PAID: Final = "order.paid"

SOURCES: Final = (
    FeatureView(
        "item_source",
        entity=("item_id", "traffic_source"),
        on=["impression", "click", _PAID],
        aggregations=[
            Ratio(Count(on="click"), Count(on="impression"), name="ctr", prior=(1.0, 19.0), unit="share"),
            Ratio(Count(on=_PAID), Count(on="click"), name="click_to_paid", prior=(1.0, 49.0), unit="share"),
        ],
        windows=["1d", "30d"],
        owner="catalogue",
        doc="Rates of an item by where its viewers come from.",
    ),
)
