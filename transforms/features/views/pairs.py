"""What a user has to do with a category, a merchant, a creator: how much, and since when not."""

from typing import Final

from transforms.features.aggregations import Aggregation, Count, Max, Since, Sum
from transforms.features.view import FeatureView

_PAID: Final = "order.paid"


def _pair(name: str, other: str, doc: str, *more: Aggregation) -> FeatureView:
    return FeatureView(
        name,
        entity=("user_id", other),
        on=["view", "click", _PAID],
        aggregations=[
            Count(name="views", on="view", unit="events"),
            Count(name="clicks", on="click", unit="events"),
            Count(name="paid", on=_PAID, unit="order lines"),
            Sum("amount_minor", name="spend", on=_PAID, unit="minor units"),
            Since(name="since_seen", unit="ms"),
            Since(name="since_paid", on=_PAID, unit="ms"),
            *more,
        ],
        windows=["30d"],
        owner="growth",
        doc=doc,
    )


PAIRS: Final = (
    _pair(
        "user_category",
        "category_id",
        "A user's interest in a category and stage of its funnel; null where the item's is not known.",
        Max("stage", name="stage", unit="1 known, 2 interested, 3 ordered"),
    ),
    _pair("user_merchant", "merchant_id", "A user's history with a merchant."),
    _pair("user_creator", "creator_id", "A user's history with a creator."),
)
