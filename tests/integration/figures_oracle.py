"""Every base count of every scope and window in SQL, written from the definitions: the figures to compare with."""

from pathlib import Path
from typing import Final

import duckdb

SCOPES: Final = {
    "platform": "'all'",
    "room": "coalesce(room_id, 'none')",
    "session": "coalesce(session_id, 'none')",
    "creator": "coalesce(creator_id, 'none')",
    "item": "coalesce(item_id, 'none')",
    "traffic_source": "coalesce(traffic_source, 'none')",
    "campaign": "coalesce(campaign_id, 'none')",
}
"""Scopes that are a field of the event; the others are held to their definitions in `catalogue/`."""
COUNTS: Final = (
    "views", "room_entries", "impressions", "clicks", "follows", "dwell_ms", "orders_placed", "orders_paid",
    "orders_cancelled", "units_paid", "gmv_placed_minor", "gmv_paid_minor", "refunds_minor",
    "refunds_by_order_time_minor",
)  # fmt: skip

COLUMNS: Final = """{event_id: 'VARCHAR', event_type: 'VARCHAR', event_time: 'BIGINT', room_id: 'VARCHAR',
    session_id: 'VARCHAR', creator_id: 'VARCHAR', user_id: 'VARCHAR', traffic_source: 'VARCHAR', coupon_id: 'VARCHAR',
    ad_plan_id: 'VARCHAR', campaign_id: 'VARCHAR', item_id: 'VARCHAR', dwell_ms: 'BIGINT', holdout: 'BOOLEAN',
    order_id: 'VARCHAR', quantity: 'BIGINT', amount_minor: 'BIGINT', order_status: 'VARCHAR'}"""


def read_events(store: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Read the good events of one JSON lines file, each id once: the first that came."""
    store.execute(f"""
        CREATE OR REPLACE TABLE events AS
        WITH arrived AS (
            SELECT *, row_number() OVER () AS arrival
            FROM read_json('{path}', format = 'newline_delimited', columns = {COLUMNS})
        )
        SELECT * FROM arrived QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY arrival) = 1
    """)
    store.execute("CREATE OR REPLACE TABLE scoped AS " + _scoped("events"))


def _scoped(table: str) -> str:
    return " UNION ALL ".join(
        f"SELECT '{scope}' AS scope, {id_} AS id, * FROM {table}" for scope, id_ in SCOPES.items()
    )


# One row an addend: a scope's id, the moment it is booked at, and what it adds to which count.
FACTS: Final = """
    CREATE OR REPLACE TABLE facts AS
    WITH seen AS (FROM scoped WHERE event_type = 'view' AND NOT coalesce(holdout, false)),
    orders AS (FROM scoped WHERE event_type = 'order'),
    pay AS (
        FROM events WHERE event_type = 'order' AND order_status = 'paid'
        QUALIFY row_number() OVER (PARTITION BY order_id, item_id ORDER BY event_time) = 1
    ),
    back AS (
        SELECT order_id, item_id, sum(amount_minor) AS refunded FROM events
        WHERE event_type = 'order' AND order_status = 'refunded' GROUP BY ALL
    )
    SELECT scope, id, event_time AS at_ms, 'views' AS name, 1 AS value FROM seen
    UNION ALL SELECT scope, id, event_time, 'room_entries', 1 FROM seen WHERE item_id IS NULL
    UNION ALL SELECT scope, id, event_time, 'impressions', 1 FROM seen WHERE item_id IS NOT NULL
    UNION ALL SELECT scope, id, event_time, 'dwell_ms', dwell_ms FROM seen WHERE dwell_ms IS NOT NULL
    UNION ALL SELECT scope, id, event_time, 'clicks', 1 FROM scoped WHERE event_type = 'click'
    UNION ALL SELECT scope, id, event_time, 'follows', 1 FROM scoped WHERE event_type = 'follow'
    UNION ALL SELECT scope, id, min(event_time), 'orders_' || order_status, 1 FROM orders
        WHERE order_status IN ('placed', 'paid', 'cancelled') GROUP BY scope, id, order_id, order_status
    UNION ALL SELECT scope, id, event_time, 'units_paid', quantity FROM orders WHERE order_status = 'paid'
    UNION ALL SELECT scope, id, event_time, 'gmv_' || order_status || '_minor', amount_minor FROM orders
        WHERE order_status IN ('placed', 'paid')
    UNION ALL SELECT scope, id, event_time, 'refunds_minor', amount_minor FROM orders WHERE order_status = 'refunded'
    UNION ALL SELECT scope, id, event_time, 'refunds_by_order_time_minor', refunded
        FROM (SCOPED_PAY) JOIN back USING (order_id, item_id)
"""

WINDOW_STARTS: Final = {
    "minute": "at_ms // 60000 * 60000",
    "hour": "at_ms // 3600000 * 3600000",
    "day": "epoch_ms(timezone('ZONE', date_trunc('day', timezone('ZONE', make_timestamptz(at_ms * 1000)))))",
    "total": "NULL",
}


def book_figures(store: duckdb.DuckDBPyConnection, timezone: str = "Asia/Shanghai") -> None:
    """Fill the table `truth` from `events`: one row a scope, id and window with any count."""
    store.execute(FACTS.replace("SCOPED_PAY", _scoped("pay")))
    sums = ", ".join(f"coalesce(sum(value) FILTER (name = '{name}'), 0)::BIGINT AS {name}" for name in COUNTS)
    windows = " UNION ALL ".join(
        f"SELECT scope, id, '{window}' AS \"window\", ({start.replace('ZONE', timezone)})::BIGINT AS start_ms, {sums} "
        "FROM facts GROUP BY ALL"
        for window, start in WINDOW_STARTS.items()
    )
    any_count = " OR ".join(f"{name} <> 0" for name in COUNTS)
    net = "gmv_paid_minor - refunds_minor AS net_gmv_minor"
    store.execute(f"CREATE OR REPLACE TABLE truth AS SELECT *, {net} FROM ({windows}) WHERE {any_count}")


def wrong_figures(store: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    """Return rows of `metrics` that are not in `truth`, and the other way round, each marked with its side."""
    names = ", ".join(("scope", "id", '"window"', "start_ms", *COUNTS, "net_gmv_minor"))
    # Of a minute in which users were online and nothing counted there may be a row of zeros.
    counted = f"scope IN {(*SCOPES,)} AND ({' OR '.join(f'{name} <> 0' for name in COUNTS)})"
    ours = f"SELECT {names} FROM (SELECT *, epoch_ms(window_start) AS start_ms FROM metrics WHERE {counted})"
    truth = f"SELECT {names} FROM truth"
    sides = (
        f"SELECT 'ours', * FROM ({ours} EXCEPT ALL {truth})",
        f"SELECT 'truth', * FROM ({truth} EXCEPT ALL {ours})",
    )
    return store.execute(f"({' UNION ALL '.join(sides)}) ORDER BY 2, 3, 4, 5, 1 LIMIT 10").fetchall()
