"""What a user has to do with a category, a merchant, a creator: how much, and since when not."""

from typing import Final

from transforms.features.aggregations import Count, Since, Sum
from transforms.features.view import FeatureView

_PAID: Final = "order.paid"


def _pair(name: str, other: str, doc: str) -> FeatureView:
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
        ],
        windows=["30d"],
        owner="growth",
        doc=doc,
    )


PAIRS: Final = (
    _pair(
        "user_category", "category_id", "A user's interest in a category; null where the item's is not known."
    ),
    _pair("user_merchant", "merchant_id", "A user's history with a merchant."),
    _pair("user_creator", "creator_id", "A user's history with a creator."),
)
