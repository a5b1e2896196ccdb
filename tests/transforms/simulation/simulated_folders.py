"""What the tests of the simulator share: one scenario, and a database over a folder."""

from pathlib import Path

import duckdb

SMALL = {"evenings": 2, "rooms": 8, "users": 4_000, "items": 300, "events": 60_000, "seed": 5}


def opened(folder: Path) -> duckdb.DuckDBPyConnection:
    store = duckdb.connect()
    store.execute(f"""
        CREATE TABLE arrivals AS
        SELECT *, row_number() OVER () AS place FROM read_json(
            '{folder}/events/*.jsonl', format = 'newline_delimited', filename = true, columns = {{
                event_id: 'VARCHAR', event_type: 'VARCHAR', event_time: 'BIGINT', room_id: 'VARCHAR',
                session_id: 'VARCHAR', user_id: 'VARCHAR', traffic_source: 'VARCHAR', coupon_id: 'VARCHAR',
                ad_plan_id: 'VARCHAR', campaign_id: 'VARCHAR', item_id: 'VARCHAR', dwell_ms: 'BIGINT',
                holdout: 'BOOLEAN', order_id: 'VARCHAR', quantity: 'BIGINT', amount_minor: 'BIGINT',
                order_status: 'VARCHAR', coupon_status: 'VARCHAR', cost_minor: 'BIGINT', impressions: 'BIGINT',
                valid_from: 'BIGINT', valid_to: 'BIGINT', holdout_share: 'DOUBLE', live_status: 'VARCHAR'
            }})
    """)
    store.execute(
        "CREATE TABLE events AS SELECT * FROM arrivals "
        "QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY place) = 1"
    )
    for name in ("coupons", "ad_plans", "orders", "interests"):
        store.execute(f"CREATE VIEW {name} AS SELECT * FROM '{folder}/truth/{name}.parquet'")
    for name in ("items", "creators", "merchants"):
        store.execute(f"CREATE VIEW {name} AS SELECT * FROM '{folder}/dims/{name}.parquet'")
    return store
