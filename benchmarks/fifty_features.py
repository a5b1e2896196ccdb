"""A view that makes the features of a user fifty with those that ship, for `serving_latency.py`."""

from transforms.features.aggregations import Count, Mean, Sum
from transforms.features.view import FeatureView

user_hours = FeatureView(
    "user_hours",
    entity="user_id",
    on=["impression", "entry", "follow", "order.paid"],
    aggregations=[
        Count(on="impression", name="impressions", unit="events"),
        Count(on="entry", name="entries", unit="events"),
        Count(on="follow", name="follows", unit="events"),
        Sum("dwell_ms", on="entry", name="dwell", unit="ms"),
        Sum("quantity", on="order.paid", name="units", unit="pieces"),
        Mean("amount_minor", on="order.paid", name="line", unit="minor units"),
        Mean("dwell_ms", on="entry", name="stay", unit="ms"),
    ],
    windows=["1h", "6h", "1d"],
    owner="benchmarks",
    doc="What a user did in these hours.",
)
