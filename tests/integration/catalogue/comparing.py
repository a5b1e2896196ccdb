"""An export held against the oracle: what differs, in words, the coarsest figures first.

Compared is what both sides have. So a scope, a column or a table counts from the day on which the export
brings it; what may not be missing any more stands in `expected_now`.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb
from expected_now import (
    BOARD_METRICS_NOW,
    BOARD_WINDOWS_NOW,
    EXPLAINING,
    METRICS_NOW,
    RECONCILIATION_NOW,
    SCOPES_NOW,
    TABLES_NOW,
    WINDOWS_NOW,
)
from oracle_boards import book_boards
from oracle_figures import COUNTS, KEYS, RATIOS, UNIQUES
from oracle_scopes import published

SHOWN: Final = 12
EXACT_USERS: Final = 1000
"""Up to so many distinct users are counted exactly; the specification's bound."""
SKETCH_TOLERANCE: Final = 0.05
"""Five and more of the sketches' standard errors (at most 1 %): a wrong definition is off by more."""
_RATIO_TOLERANCE: Final = 1e-12
_TABLES: Final = {
    "reconciliation": RECONCILIATION_NOW,
    "funnel_stages": ("category", "stage", "users"),
    "funnel_moves": ("category", "day", "from_stage", "to_stage", "users"),
    "funnel_times": ("category", "from_stage", "to_stage", "median_ms"),
}
"""Tables that are compared row by row, whole."""


def opened(export: Path) -> duckdb.DuckDBPyConnection:
    """Return a database with one view for each table of an export."""
    store = duckdb.connect()
    store.execute("SET TimeZone = 'UTC'")
    for file in sorted(export.glob("*.parquet")):
        store.execute(f"CREATE VIEW {file.stem} AS FROM '{file}'")
    return store


def missing(store: duckdb.DuckDBPyConnection, given: frozenset[str]) -> list[str]:
    """Return what the export lacks that it has had, and what it has that no definition is known for."""
    columns, tables = _columns(store, "metrics"), _names(store)
    scopes, allowed = _values(store, "metrics", "scope"), published(given)
    known = {*KEYS, *COUNTS, *UNIQUES, *RATIOS, *EXPLAINING}
    lacking = {
        "scope": set(SCOPES_NOW) & set(allowed) - scopes,
        "metric": set(METRICS_NOW) - columns,
        "window": set(WINDOWS_NOW) - _values(store, "metrics", '"window"'),
        "table": set(TABLES_NOW) - tables,
        "board metric": set(BOARD_METRICS_NOW) - _values(store, "leaderboards", "metric"),
        "board window": set(BOARD_WINDOWS_NOW) - _values(store, "leaderboards", '"window"'),
    }
    strange = {
        "scope that no given dimension publishes": scopes - set(allowed),
        "unknown metric": columns - known,
    }
    return [
        f"{verb} {what}: {', '.join(sorted(names))}"
        for verb, sides in (("lacks", lacking), ("has", strange))
        for what, names in sides.items()
        if names
    ]


def wrong_figures(store: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the figures that differ, scope by scope; a row that is absent stands for one of zeros."""
    ours = _columns(store, "metrics")
    rules = {name: _rule(name) for name in (*COUNTS, *UNIQUES, *RATIOS) if name in ours}
    on = " AND ".join(f't."{key}" IS NOT DISTINCT FROM o."{key}"' for key in KEYS)
    keys = ", ".join(f'coalesce(t."{key}", o."{key}") AS "{key}"' for key in KEYS)
    pairs = ", ".join(
        f"t.{name} AS true_{name}, o.{name} AS our_{name}, NOT ({rule}) AS wrong_{name}"
        for name, rule in rules.items()
    )
    found = store.execute(f"""
        WITH both_sides AS (
            SELECT {keys}, {pairs}
            FROM (FROM oracle.metrics WHERE scope IN (SELECT scope FROM metrics)) AS t FULL JOIN metrics AS o ON {on}
        )
        FROM both_sides WHERE {" OR ".join(f"wrong_{name}" for name in rules)}
        ORDER BY list_position(['total', 'day', 'hour', 'minute'], "window"), scope, id, window_start LIMIT {SHOWN}
    """)
    names = [column[0] for column in found.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return [line for row in rows for line in _told(row, rules)]


def _rule(name: str) -> str:
    """Return when a figure of the sides `t` and `o` is right."""
    truth, ours = f"coalesce(t.{name}, 0)", f"coalesce(o.{name}, 0)"
    if name in UNIQUES:
        near = f"abs({truth} - {ours}) <= {SKETCH_TOLERANCE} * {truth}"
        return f"CASE WHEN {truth} <= {EXACT_USERS} THEN {truth} = {ours} ELSE {near} END"
    if name in COUNTS:
        return f"{truth} = {ours}"
    users = [part for part in RATIOS[name] if part in UNIQUES]
    most = f"greatest({', '.join(f't.{part}' for part in users)})" if users else "0"
    bound = f"CASE WHEN {most} > {EXACT_USERS} THEN {2 * SKETCH_TOLERANCE} ELSE {_RATIO_TOLERANCE} END"
    nulls = f"(t.{name} IS NULL) = (o.{name} IS NULL)"
    return f"{nulls} AND coalesce(abs(t.{name} - o.{name}) <= {bound} * abs(t.{name}), true)"


def _told(row: dict[str, Any], names: Sequence[str] | dict[str, str]) -> Iterator[str]:
    start = row["window_start"]
    when = f" {start:%Y-%m-%dT%H:%M}Z" if isinstance(start, datetime) else ""
    for name in names:
        if row[f"wrong_{name}"]:
            yield (
                f"{row['scope']} {row['id']}, {row['window']}{when}: "
                f"{name} is {row[f'true_{name}']}, the export has {row[f'our_{name}']}"
            )


def wrong_boards(store: duckdb.DuckDBPyConnection) -> list[str]:
    """Return places that only one side has, of every scope, window and metric that the export ranks by."""
    metrics = sorted(_values(store, "leaderboards", "metric"))
    book_boards(store, metrics)
    columns = ("scope", "metric", "window", "window_start", "rank", "id", "value")
    ranked = f"""
        scope IN (SELECT scope FROM metrics) AND "window" IN (SELECT "window" FROM leaderboards)
        AND (metric NOT IN {(*UNIQUES, "")} OR value <= {EXACT_USERS})
    """
    return _only_on_one_side(store, "leaderboards", columns, ranked)


def wrong_tables(store: duckdb.DuckDBPyConnection) -> list[str]:
    """Return rows that only one side has of every other table that both have."""
    present = _names(store)
    return [line for table, columns in _TABLES.items() if table in present
            for line in _only_on_one_side(store, table, columns)]  # fmt: skip


def _only_on_one_side(
    store: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], where: str = "true"
) -> list[str]:
    names = ", ".join(f'"{name}"' for name in columns)
    ours, truth = (f"SELECT {names} FROM {side}{table} WHERE {where}" for side in ("", "oracle."))
    found = store.execute(f"""
        SELECT 'only the export has' AS side, * FROM ({ours} EXCEPT ALL {truth})
        UNION ALL SELECT 'the export lacks', * FROM ({truth} EXCEPT ALL {ours})
        ORDER BY ALL LIMIT {SHOWN}
    """).fetchall()
    return [f"{table}: {side} {', '.join(map(str, row))}" for side, *row in found]


def _columns(store: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    return {row[0] for row in store.execute(f"DESCRIBE FROM {table}").fetchall()}


def _names(store: duckdb.DuckDBPyConnection) -> set[str]:
    sql = "SELECT view_name FROM duckdb_views() WHERE NOT internal"
    return {row[0] for row in store.execute(sql).fetchall()}


def _values(store: duckdb.DuckDBPyConnection, table: str, column: str) -> set[str]:
    return {row[0] for row in store.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall()}
