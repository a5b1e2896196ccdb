"""What the export has by now, and may not lose.

Whatever else it brings is compared as soon as it is there. Extend the lists when a scope, a column or a table
is published for good.
"""

from typing import Final

SCOPES_NOW: Final = (
    "platform", "room", "session", "creator", "item", "traffic_source", "campaign",
    "merchant", "brand", "category", "mcn", "base", "service_provider", "region", "fact_channel",
)  # fmt: skip
METRICS_NOW: Final = (
    "views", "room_entries", "impressions", "clicks", "follows", "dwell_ms", "orders_placed", "orders_paid",
    "orders_cancelled", "units_paid", "gmv_placed_minor", "gmv_paid_minor", "refunds_minor", "refunds_by_order_time_minor",
    "net_gmv_minor", "new_customer_gmv_minor", "new_customer_orders", "repurchase_gmv_minor", "repurchase_orders",
    "new_product_gmv_minor", "premium_gmv_minor",
)  # fmt: skip
BOARD_METRICS_NOW: Final = METRICS_NOW
BOARD_WINDOWS_NOW: Final = ("hour", "day", "total")
TABLES_NOW: Final = (
    "metrics",
    "leaderboards",
    "reconciliation",
    "funnel_stages",
    "funnel_moves",
    "funnel_times",
)
RECONCILIATION_NOW: Final = ("kind", "order_id", "item_id", "amount_minor")
"""Columns that are compared; `event_time` joins them when it is that of the refunds which are listed."""
FORGOTTEN_REFUNDS_NOW: Final = False
"""Whether a refund further than the horizon before its payment is an orphan even if another lies between the two."""
EXPLAINING: Final = ()
"""Columns of `metrics` beside the catalogue's, such as the stated error of a unique."""
