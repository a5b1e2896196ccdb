"""Leaderboards by any count, and the refunds that no order explains.

Readings that the specification leaves open:

- A board holds the first hundred ids with a value above 0; equal values stand in the order of their ids.
  The platform has none, for it has one id.
- `orphan_refund`: the sum of a line's refunds with no payment of it within the horizon, at the first of
  them. `over_refund`: by how much a line's other refunds exceed its payments, at the last refund. Nothing
  is listed that amounts to 0.
"""

from collections.abc import Sequence
from typing import Final

import duckdb

BOARD_PLACES: Final = 100
_RECONCILIATION: Final = """
    CREATE OR REPLACE TABLE oracle.reconciliation AS
    WITH back AS (
        SELECT order_id, item_id, payment_id, sum(refunded_minor) - coalesce(any_value(paid_minor), 0) AS excess_minor,
               min(refunded_ms) FILTER (refunded_minor > 0) AS first_ms, max(refunded_ms) AS last_ms
        FROM oracle.returned GROUP BY ALL
    )
    SELECT CASE WHEN payment_id IS NULL THEN 'orphan_refund' ELSE 'over_refund' END AS kind, order_id, item_id,
           excess_minor::BIGINT AS amount_minor,
           make_timestamptz(CASE WHEN payment_id IS NULL THEN first_ms ELSE last_ms END * 1000) AS event_time
    FROM back WHERE excess_minor > 0
"""


def book_reconciliation(store: duckdb.DuckDBPyConnection) -> None:
    """Fill `oracle.reconciliation`."""
    store.execute(_RECONCILIATION)


def book_boards(store: duckdb.DuckDBPyConnection, metrics: Sequence[str], places: int = BOARD_PLACES) -> None:
    """Fill `oracle.leaderboards` from `oracle.metrics`: every scope and window, by each of these metrics."""
    ranked = " UNION ALL ".join(
        f"""SELECT scope, '{metric}' AS metric, "window", window_start,
                   row_number() OVER (PARTITION BY scope, "window", window_start ORDER BY {metric} DESC, id) AS rank,
                   id, {metric}::BIGINT AS value
            FROM oracle.metrics WHERE {metric} > 0 AND scope <> 'platform' QUALIFY rank <= {places}"""
        for metric in metrics
    )
    store.execute(f"CREATE OR REPLACE TABLE oracle.leaderboards AS {ranked}")
