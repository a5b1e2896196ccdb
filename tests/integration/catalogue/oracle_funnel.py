"""The consumer funnel: how many users of each category know, want, buy and buy again, and how they got there.

Readings that the specification leaves open:

- A user is in one stage of a category at a time: the farthest so far. `known` is reached by the first view
  (no ghost exposure), `interested` by the first click, `ordered` by the first paid line, `repurchased` by
  the first paid line of another order; orders of one time stand in the order of their ids. Nobody moves
  back: a view after the order changes nothing.
- A move goes from the stage before to the new one and may leave stages out; the first of all comes from
  none (null). It belongs to the day of its event. What reaches two stages at one moment passes through
  both.
- Categories are the ids of the scope `category`: entries into a room without an item are `none`.
- The median time is over the users who made that move, in milliseconds; of two in the middle it is the
  mean.
"""

from typing import Final

import duckdb

STAGES: Final = ("known", "interested", "ordered", "repurchased")

_ENTERED: Final = """
    CREATE OR REPLACE TABLE oracle.funnel_entries AS
    WITH orders AS (
        SELECT category, user_id, order_id, min(at_ms) AS at_ms FROM oracle.marked WHERE paid GROUP BY ALL
    ), reached AS (
        SELECT category, user_id, 1 AS stage, min(at_ms) AS at_ms FROM oracle.marked WHERE seen GROUP BY ALL
        UNION ALL
        SELECT category, user_id, 2, min(at_ms) FROM oracle.marked WHERE event_type = 'click' GROUP BY ALL
        UNION ALL
        SELECT category, user_id, 2 + row_number() OVER (PARTITION BY category, user_id ORDER BY at_ms, order_id) AS stage,
               at_ms FROM orders QUALIFY stage <= 4
    ), farthest AS (
        SELECT *, min(at_ms) OVER (PARTITION BY category, user_id ORDER BY stage
                                   ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS passed_ms FROM reached
    )
    SELECT category, user_id, stage, at_ms, day_ms, lag(stage) OVER steps AS from_stage,
           at_ms - lag(at_ms) OVER steps AS took_ms, lead(stage) OVER steps IS NULL AS stays
    FROM farthest ASOF JOIN oracle.days ON at_ms >= day_ms WHERE coalesce(at_ms <= passed_ms, true)
    WINDOW steps AS (PARTITION BY category, user_id ORDER BY stage)
"""
_NAME: Final = f"CREATE OR REPLACE MACRO stage_name(stage) AS ({list(STAGES)})[stage]"
_STAGES: Final = """
    CREATE OR REPLACE TABLE oracle.funnel_stages AS
    SELECT category, stage_name(stage) AS stage, count(*) AS users FROM oracle.funnel_entries WHERE stays GROUP BY ALL
"""
_MOVES: Final = """
    CREATE OR REPLACE TABLE oracle.funnel_moves AS
    SELECT category, make_timestamptz(day_ms * 1000) AS day, stage_name(from_stage) AS from_stage,
           stage_name(stage) AS to_stage, count(*) AS users
    FROM oracle.funnel_entries GROUP BY ALL
"""
_TIMES: Final = """
    CREATE OR REPLACE TABLE oracle.funnel_times AS
    SELECT category, stage_name(from_stage) AS from_stage, stage_name(stage) AS to_stage,
           quantile_cont(took_ms::DOUBLE, 0.5) AS median_ms
    FROM oracle.funnel_entries WHERE from_stage IS NOT NULL GROUP BY ALL
"""


def book_funnel(store: duckdb.DuckDBPyConnection) -> None:
    """Fill `oracle.funnel_stages`, `oracle.funnel_moves` and `oracle.funnel_times`."""
    for statement in (_ENTERED, _NAME, _STAGES, _MOVES, _TIMES):
        store.execute(statement)
