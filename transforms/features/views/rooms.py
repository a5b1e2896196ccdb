"""What is known about a live room and a broadcast: who is there now, what is sold a minute, and whether it rises."""

from typing import Final

from transforms.features.aggregations import Aggregation, Count, DistinctCount, Last, Min, Ratio, Slope, Sum
from transforms.features.view import FeatureView

_PAID: Final = "order.paid"
_GMV: Final = Sum("amount_minor", on=_PAID)


def _pulse() -> list[Aggregation]:
    return [
        DistinctCount("user_id", name="online", on=("view", "click"), unit="users"),
        Count(name="views", on="view", unit="events"),
        Sum("amount_minor", name="gmv", on=_PAID, unit="minor units"),
        Count(name="paid", on=_PAID, unit="order lines"),
        Slope(of=Count(on="view"), name="views_slope", unit="events a minute more"),
        Slope(of=_GMV, name="gmv_slope", unit="minor units a minute more"),
        Slope(of=Count(on=_PAID), name="paid_slope", unit="order lines a minute more"),
        Ratio(_GMV, Count(on="view"), name="gpm", scale=1000.0, unit="minor units a thousand views"),
        Ratio(Count(on="click"), Count(on="view"), name="ctr", prior=(1.0, 19.0), unit="share"),
        Last("item_id", name="on_show", on="impression", unit="item id"),
    ]


ROOMS: Final = (
    FeatureView(
        "room_pulse",
        entity="room_id",
        on=["view", "click", _PAID],
        aggregations=_pulse(),
        windows=["5m", "1h"],
        freshness="5m",
        ttl="1d",
        owner="live",
        doc="A room in these minutes.",
    ),
    FeatureView(
        "session_pulse",
        entity="session_id",
        on=["view", "click", _PAID],
        aggregations=[*_pulse(), Min("event_time_ms", name="began", windows=("1d",), unit="UTC ms")],
        windows=["5m", "1d"],
        freshness="5m",
        ttl="2d",
        owner="live",
        doc="A broadcast in these minutes, and when its first event was.",
    ),
)
