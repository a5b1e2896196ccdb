"""Which paid lines are of a new customer, and which of one who came back.

Readings that the specification leaves open:

- A merchant's order is (user, merchant, order id); an order with lines of two merchants is an order at
  each. Its time is that of its earliest paid line with that merchant; orders of one time stand in the order
  of their ids.
- The user's first order with a merchant is a new customer's: all its paid lines with that merchant count,
  each at its own time. Nothing is too long ago: who bought two years before is not new.
- Any other order repurchases if it lies at most 30 days (of 24 hours) after the one just before it; placed,
  cancelled and refunded make no difference.
- Lines whose item has no row, or no merchant in it, are bought from the merchants `unknown` and `none`, as
  those scopes have it: without dimensions the whole platform is one shop, whose new customers are those who
  never bought before.
- The same order id more than the order horizon after its last line is another order (decision 0006).
"""

from typing import Final

import duckdb

REPURCHASE_MS: Final = 30 * 86_400_000

_PURCHASES: Final = """
    CREATE OR REPLACE TABLE oracle.customer_lines AS
    WITH paid AS (
        SELECT *, coalesce(at_ms - lag(at_ms) OVER line > $order_horizon_ms, true) AS begins FROM oracle.located
        WHERE event_type = 'order' AND order_status = 'paid'
        WINDOW line AS (PARTITION BY user_id, merchant, order_id ORDER BY at_ms, event_id)
    ), numbered AS (
        SELECT event_id, user_id, merchant, order_id, at_ms, sum(begins::INT) OVER line AS repeat FROM paid
        WINDOW line AS (PARTITION BY user_id, merchant, order_id ORDER BY at_ms, event_id)
    ), purchases AS (
        SELECT user_id, merchant, order_id, repeat, min(at_ms) AS bought_ms FROM numbered GROUP BY ALL
    ), spaced AS (
        SELECT *, bought_ms - lag(bought_ms) OVER (PARTITION BY user_id, merchant ORDER BY bought_ms, order_id) AS since_ms
        FROM purchases
    )
    SELECT event_id, since_ms IS NULL AS new_customer, coalesce(since_ms <= $repurchase_ms, false) AS repurchase
    FROM numbered JOIN spaced USING (user_id, merchant, order_id, repeat)
"""


def find_customers(store: duckdb.DuckDBPyConnection, order_horizon_ms: int) -> None:
    """Fill `oracle.customer_lines`: each paid line's event, and what it is to its merchant."""
    store.execute(_PURCHASES, {"order_horizon_ms": order_horizon_ms, "repurchase_ms": REPURCHASE_MS})
