"""Every figure of every scope, id and window: counts, distinct users and ratios.

Readings that the specification leaves open:

- Distinct users are exact here. `online_users` of a session and minute are the users of any of its events
  in that minute, ghost exposures and later status changes of orders included: as the minute ends, these are
  its last 60 s.
- `mean_dwell_ms` is `dwell_ms` per view, those without a dwell time included.
- A ratio is one division of exact numbers as float64, rounded once.
"""

from typing import Final

import duckdb
from oracle_counts import BASE_COUNTS, USERS
from oracle_windows import WINDOW_STARTS

UNIQUES: Final = ("viewers", "clickers", "buyers", "online_users")
COUNTS: Final = (*BASE_COUNTS, "net_gmv_minor")
RATIOS: Final = {
    "ctr": ("clicks", "impressions"),
    "click_to_paid": ("orders_paid", "clicks"),
    "view_conversion": ("buyers", "viewers"),
    "gpm_views_minor": ("gmv_paid_minor * 1000", "views"),
    "gpm_viewers_minor": ("gmv_paid_minor * 1000", "viewers"),
    "uv_value_minor": ("gmv_paid_minor", "viewers"),
    "aov_minor": ("gmv_paid_minor", "orders_paid"),
    "refund_rate": ("refunds_by_order_time_minor", "gmv_paid_minor"),
    "new_customer_share": ("new_customer_gmv_minor", "gmv_paid_minor"),
    "new_product_share": ("new_product_gmv_minor", "gmv_paid_minor"),
    "premium_share": ("premium_gmv_minor", "gmv_paid_minor"),
    "mean_dwell_ms": ("dwell_ms", "views"),
}
"""Dividend and divisor."""
KEYS: Final = ("scope", "id", "window", "window_start")


def book_figures(store: duckdb.DuckDBPyConnection) -> None:
    """Fill `oracle.metrics` from the addends: one row a scope, id and window in which anything happened."""
    counts = ", ".join(f"coalesce(sum({name}), 0)::BIGINT AS {name}" for name in BASE_COUNTS)
    users = ", ".join(f"count(DISTINCT {name}) AS {name}" for name in USERS)
    windows = " UNION ALL ".join(
        f"SELECT scope, id, '{window}' AS \"window\", {start} AS start_ms, {counts}, {users} "
        f"FROM oracle.addends GROUP BY ALL"
        for window, start in WINDOW_STARTS.items()
    )
    ratios = ", ".join(
        f"({over})::DOUBLE / nullif({under}, 0) AS {name}" for name, (over, under) in RATIOS.items()
    )
    store.execute(f"""
        CREATE OR REPLACE TABLE oracle.metrics AS
        WITH figures AS (
            SELECT * REPLACE (CASE WHEN scope = 'session' AND "window" = 'minute' THEN online_users END AS online_users),
                   gmv_paid_minor - refunds_minor AS net_gmv_minor, make_timestamptz(start_ms * 1000) AS window_start
            FROM ({windows})
        )
        SELECT *, {ratios} FROM figures
    """)
