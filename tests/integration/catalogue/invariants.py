"""What always holds in an export, whatever the events: the specification's sums, asked of the exported tables alone."""

from typing import Final

import duckdb
from oracle_counts import AMOUNTS, BY_ORDER_TIME, EVENT_COUNTS
from oracle_figures import COUNTS
from oracle_windows import day_starts

ADDITIVE: Final = (*EVENT_COUNTS, *AMOUNTS, BY_ORDER_TIME, "net_gmv_minor")
"""Counts that sum over a scope's ids to the platform; orders do not (decision 0006), distinct users neither."""
SHOWN: Final = 5


def _exported(store: duckdb.DuckDBPyConnection, names: tuple[str, ...]) -> list[str]:
    columns = {row[0] for row in store.execute("DESCRIBE FROM metrics").fetchall()}
    return [name for name in names if name in columns]


def scopes_off_the_platform(store: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    """Return scopes and windows whose ids do not sum to the platform; rows that are absent are zeros."""
    names = _exported(store, ADDITIVE)
    sums = ", ".join(f"coalesce(sum({name}) FILTER (scope = wanted), 0) AS {name}" for name in names)
    off = " OR ".join(f"s.{name} <> p.{name}" for name in names)
    return store.execute(f"""
        WITH scopes AS (
            SELECT wanted, "window", window_start, {sums}
            FROM metrics, (SELECT DISTINCT scope AS wanted FROM metrics) GROUP BY ALL
        )
        SELECT s.wanted, s."window", s.window_start FROM scopes AS s JOIN scopes AS p
        ON p.wanted = 'platform' AND p."window" = s."window" AND p.window_start IS NOT DISTINCT FROM s.window_start
        WHERE {off} LIMIT {SHOWN}
    """).fetchall()


def windows_off_their_minutes(store: duckdb.DuckDBPyConnection, timezone: str) -> list[tuple[object, ...]]:
    """Return hours, days and totals that are not the sum of the minutes in them, id by id."""
    names = _exported(store, COUNTS)
    bounds = "SELECT epoch_ms(min(window_start)), epoch_ms(max(window_start)) FROM metrics WHERE \"window\" = 'minute'"
    [(first_ms, last_ms)] = store.execute(bounds).fetchall()
    if first_ms is None:
        return store.execute('SELECT scope, id, "window", window_start FROM metrics LIMIT 1').fetchall()
    store.execute(
        "CREATE OR REPLACE TABLE midnights AS SELECT unnest(?::BIGINT[]) AS day_ms",
        [day_starts(first_ms, last_ms, timezone)],
    )
    sums = ", ".join(f"sum({name}) AS {name}" for name in names)
    starts = {"hour": "epoch_ms(window_start) // 3600000 * 3600000", "day": "day_ms", "total": "NULL"}
    parts = " UNION ALL ".join(
        f"SELECT scope, id, '{window}' AS \"window\", ({start})::BIGINT AS start_ms, {sums} FROM minutes GROUP BY ALL"
        for window, start in starts.items()
    )
    zero = " AND ".join(f"{name} = 0" for name in names)
    wholes = (
        f'SELECT scope, id, "window", epoch_ms(window_start) AS start_ms, {", ".join(names)} FROM metrics'
    )
    return store.execute(f"""
        WITH minutes AS (
            FROM metrics ASOF JOIN midnights ON epoch_ms(window_start) >= day_ms WHERE "window" = 'minute'
        ), summed AS ({parts}), wholes AS ({wholes} WHERE "window" <> 'minute')
        SELECT scope, id, "window", start_ms FROM (
            (FROM summed WHERE NOT ({zero}) EXCEPT ALL FROM wholes)
            UNION ALL (FROM wholes WHERE NOT ({zero}) EXCEPT ALL FROM summed)
        ) LIMIT {SHOWN}
    """).fetchall()
