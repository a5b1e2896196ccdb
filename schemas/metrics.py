"""The names of the figures: scopes, windows, base counts, and the ratios derived from them.

The order of `EVENT_TIME_COUNTS` and `ORDER_TIME_COUNTS` is the order of the integers in a stored cell, so
it is part of the Redis layout: append, never reorder.

>>> derive({"clicks": 3, "impressions": 60, "gmv_paid_minor": 500, "refunds_minor": 120})["net_gmv_minor"]
380
"""

from collections.abc import Collection, Mapping
from typing import Final

SCOPES: Final = (
    "platform", "room", "session", "creator", "item", "traffic_source", "campaign",
    "merchant", "brand", "category", "mcn", "base", "service_provider", "region", "fact_channel",
)  # fmt: skip
"""Every scope. Stored cells and state know it by its number: append, never reorder."""

DIMENSION_OF_SCOPE: Final = {
    "merchant": "items", "brand": "items", "category": "items", "mcn": "creators", "base": "creators",
    "service_provider": "merchants", "region": "merchants",
}  # fmt: skip
"""Scopes that are published where that dimension is given; all others always are."""

FACT_CHANNELS: Final = ("campaign", "top_kol", "field", "alliance", "shelf", "unknown")
"""The ids of `fact_channel`; `unknown` where the creator's kind is."""

WINDOWS: Final = ("minute", "hour", "day", "total")
TOTAL_START: Final = -1
"""The window start that stands for `total` in keys; null in exports."""

NO_ID: Final = "none"
"""The id under which events without the scope's field are counted."""
UNKNOWN_ID: Final = "unknown"
"""The id under which events are counted whose id the dimension lacks."""

EVENT_TIME_COUNTS: Final = (
    "views", "room_entries", "impressions", "clicks", "follows", "dwell_ms",
    "orders_placed", "orders_paid", "orders_cancelled", "units_paid",
    "gmv_placed_minor", "gmv_paid_minor", "refunds_minor",
    "new_customer_gmv_minor", "new_customer_orders", "repurchase_gmv_minor", "repurchase_orders",
    "new_product_gmv_minor", "premium_gmv_minor",
)  # fmt: skip
"""Counts booked in the window of the event's own time."""

ORDER_TIME_COUNTS: Final = ("refunds_by_order_time_minor",)
"""Counts booked in the window in which the order was paid."""

ATTRIBUTION_COUNTS: Final = (
    "credit_minor", "credited_micro_orders", "direct_credit_minor", "new_customer_credit_minor",
)  # fmt: skip
"""Credit of one channel; orders in millionths, so that shares of an order add up exactly. Direct is the part of touches
in the session of the order, the rest is indirect; that of new customers is the part of lines of a user's first order
with the merchant."""

TOUCH_COUNTS: Final = ("touches",)
"""Counts of touches that add up."""
REACHED: Final = ("reached_users",)
"""Distinct users with a touch; stored behind the touches."""
TOUCH_CELL: Final = (*TOUCH_COUNTS, *REACHED)

METRICS: Final = (*EVENT_TIME_COUNTS, *ORDER_TIME_COUNTS, "net_gmv_minor")
"""The integer columns of `metrics.parquet`."""

UNIQUES: Final = ("viewers", "clickers", "buyers", "online_users")
"""Distinct users; `online_users` of sessions by the minute only."""

RATIOS: Final = {
    "ctr": ("clicks", "impressions"),
    "click_to_paid": ("orders_paid", "clicks"),
    "view_conversion": ("buyers", "viewers"),
    "gpm_views_minor": ("gmv_paid_minor", "views"),
    "gpm_viewers_minor": ("gmv_paid_minor", "viewers"),
    "uv_value_minor": ("gmv_paid_minor", "viewers"),
    "aov_minor": ("gmv_paid_minor", "orders_paid"),
    "refund_rate": ("refunds_by_order_time_minor", "gmv_paid_minor"),
    "new_customer_share": ("new_customer_gmv_minor", "gmv_paid_minor"),
    "new_product_share": ("new_product_gmv_minor", "gmv_paid_minor"),
    "premium_share": ("premium_gmv_minor", "gmv_paid_minor"),
    "mean_dwell_ms": ("dwell_ms", "views"),
}
"""Dividend and divisor; those of `PER_THOUSAND` are a thousand times the quotient."""
PER_THOUSAND: Final = ("gpm_views_minor", "gpm_viewers_minor")

FUNNEL_STAGES: Final = ("known", "interested", "ordered", "repurchased")
"""How far a user has come in a category: viewed, clicked, paid an order, paid another."""
FUNNEL_STEPS: Final = (
    (None, "known"), (None, "interested"), (None, "ordered"),
    ("known", "interested"), ("known", "ordered"), ("interested", "ordered"), ("ordered", "repurchased"),
)  # fmt: skip
"""Every move there is from one stage to another, which may leave stages out; None: the first of all."""
BOARD_PLACES: Final = 100
"""How many ids a leaderboard has."""
BOARD_METRICS: Final = {"e": (*EVENT_TIME_COUNTS, "net_gmv_minor"), "o": ORDER_TIME_COUNTS}
"""What leaderboards rank by, by the layer of cells that they are ranked from."""
BOARD_WINDOWS: Final = ("hour", "day", "total")
"""Windows whose leaderboards are kept; those of a minute are ranked when they are asked for."""
UNRANKED: Final = "platform"
"""The scope that has one id only, and no leaderboard."""

TOUCH_MODELS: Final = (
    "last_touch", "linear", "first_touch", "last_paid_touch", "time_decay", "position",
)  # fmt: skip
"""Attribution models whose shares follow from a line's own touches (`schemas.credit_shares`)."""
PATH_MODELS: Final = ("markov", "shapley")
"""Attribution models whose shares follow from the paths of all users (`schemas.path_shares`)."""
MODELS: Final = (*TOUCH_MODELS, *PATH_MODELS)
"""All attribution models. Stored credit knows each by its number: append, never reorder."""
MODELS_A_WINDOW: Final = 16
"""So many numbers each attribution window has for its models (`credit_group`)."""
ATTRIBUTION_WINDOWS: Final = (
    "click_7d_view_1d", "click_30m", "click_1d", "click_3d", "click_15d", "click_30d",
)  # fmt: skip
"""Attribution windows, likewise: append, never reorder. Their rules stand in `schemas.attribution`."""
DEFAULT_ATTRIBUTION_WINDOW: Final = "click_7d_view_1d"
CHANNELS: Final = ("coupon", "ad_plan", "campaign", "traffic_source")
"""Kinds of channels; a touch is of the first that it has."""
ORGANIC: Final = "traffic_source"
"""The kind of channel that nobody paid for."""
FURTHER_CHANNELS: Final = ("fact_channel", "creator", "mcn", "merchant")
"""Who else a touch belongs to, each a scope too: each of these kinds shares out the same credit once more."""
DIRECT: Final = "direct"
"""The id, under channel `traffic_source` and each further kind, of what no eligible touch earned."""

DEFINITIONS: Final = {
    "views": "view events, holdouts excluded",
    "room_entries": "views without an item",
    "impressions": "views with an item",
    "clicks": "click events",
    "follows": "follow events",
    "dwell_ms": "sum of the views' dwell_ms",
    "orders_placed": "distinct orders placed, in the minute of their first line",
    "orders_paid": "distinct orders paid, in the minute of their first line",
    "orders_cancelled": "distinct orders cancelled, in the minute of their first line",
    "units_paid": "sum of quantity of paid lines",
    "gmv_placed_minor": "sum of amount_minor of placed lines",
    "gmv_paid_minor": "sum of amount_minor of paid lines",
    "refunds_minor": "sum of refunded amounts, by the time of the refund",
    "new_customer_gmv_minor": "sum of amount_minor of paid lines of the user's first order with that merchant",
    "new_customer_orders": "distinct orders that are the user's first with a merchant, in the minute of their first line",
    "repurchase_gmv_minor": "sum of amount_minor of paid lines of a later order, within 30 days of the one before",
    "repurchase_orders": "distinct later orders within 30 days of the one before, in the minute of their first line",
    "new_product_gmv_minor": "sum of amount_minor of lines paid within 30 days of the item's launch",
    "premium_gmv_minor": "sum of amount_minor of paid lines of premium items",
    "refunds_by_order_time_minor": "sum of refunded amounts, by the time the line was paid",
    "net_gmv_minor": "gmv_paid_minor - refunds_minor",
    "viewers": "distinct users with a view, holdouts excluded",
    "clickers": "distinct users with a click",
    "buyers": "distinct users with a paid line",
    "online_users": "distinct users with any event in the minute, of sessions by the minute; else null",
    "ctr": "clicks / impressions",
    "click_to_paid": "orders_paid / clicks",
    "view_conversion": "buyers / viewers",
    "gpm_views_minor": "gmv_paid_minor × 1000 / views",
    "gpm_viewers_minor": "gmv_paid_minor × 1000 / viewers",
    "uv_value_minor": "gmv_paid_minor / viewers",
    "aov_minor": "gmv_paid_minor / orders_paid",
    "refund_rate": "refunds_by_order_time_minor / gmv_paid_minor",
    "new_customer_share": "new_customer_gmv_minor / gmv_paid_minor",
    "new_product_share": "new_product_gmv_minor / gmv_paid_minor",
    "premium_share": "premium_gmv_minor / gmv_paid_minor",
    "mean_dwell_ms": "dwell_ms / views",
}
"""One line a figure, from metrics.md; help texts and exports read it here."""


def published_scopes(given: Collection[str]) -> tuple[str, ...]:
    """Return the scopes that have figures where these dimensions are given.

    >>> published_scopes({"merchants"})[-3:]
    ('service_provider', 'region', 'fact_channel')
    """
    return tuple(scope for scope in SCOPES if DIMENSION_OF_SCOPE.get(scope) in (None, *given))


def published_further(given: Collection[str]) -> tuple[str, ...]:
    """Return the kinds of further channels that credit is published by where these dimensions are given.

    >>> published_further({"items"})
    ('fact_channel', 'creator', 'merchant')
    """
    return tuple(kind for kind in FURTHER_CHANNELS if DIMENSION_OF_SCOPE.get(kind) in (None, *given))


def has_online_users(scope: str, window: str) -> bool:
    """Say whether `online_users` are counted there."""
    return (scope, window) == ("session", "minute")


def credit_group(window: int, model: int) -> int:
    """Number a pair of an attribution window and a model, each given by its number; 0 to 127.

    >>> credit_group(1, 2), divmod(18, MODELS_A_WINDOW)
    (18, (1, 2))
    """
    return window * MODELS_A_WINDOW + model


def derive(counts: Mapping[str, int]) -> dict[str, int]:
    """Return every integer metric of one cell from its stored base counts; absent counts are 0."""
    full = {name: int(counts.get(name, 0)) for name in (*EVENT_TIME_COUNTS, *ORDER_TIME_COUNTS)}
    full["net_gmv_minor"] = full["gmv_paid_minor"] - full["refunds_minor"]
    return full
