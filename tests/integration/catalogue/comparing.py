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


def differences(store: duckdb.DuckDBPyConnection, given: frozenset[str]) -> list[str]:
    """Return all that differs between an export and the oracle where these dimensions are given, in words."""
    told = _strange(store, given)
    if not told:
        told = [*_wrong_figures(store, given), *_wrong_boards(store, given), *_wrong_tables(store)]
    return told


def _strange(store: duckdb.DuckDBPyConnection, given: frozenset[str]) -> list[str]:
    """Return columns and tables that are missing, and what no definition is known for."""
    columns, known = _columns(store, "metrics"), {*KEYS, *COUNTS, *UNIQUES, *RATIOS, *EXPLAINING}
    kinds = dict.fromkeys(COUNTS, "BIGINT") | dict.fromkeys(RATIOS, "DOUBLE")
    scopes = _values(store, "metrics", "scope")
    findings = {
        "lacks the columns": {*KEYS, *METRICS_NOW} - columns.keys(),
        "has another type in": {name for name, kind in columns.items() if kind != kinds.get(name, kind)},
        "lacks the tables": set(TABLES_NOW) - _names(store),
        "has unknown columns": columns.keys() - known,
        "has scopes that no given dimension publishes": scopes - set(published(given)),
    }
    return [f"metrics: {what} {', '.join(sorted(names))}" for what, names in findings.items() if names]


def _compared_scopes(store: duckdb.DuckDBPyConnection, given: frozenset[str]) -> tuple[str, ...]:
    present = _values(store, "metrics", "scope")
    return tuple(scope for scope in published(given) if scope in present or scope in SCOPES_NOW)


def _wrong_figures(store: duckdb.DuckDBPyConnection, given: frozenset[str]) -> list[str]:
    """Return the figures that differ; a row that is absent stands for one of zeros."""
    ours = _columns(store, "metrics")
    rules = {name: _rule(name) for name in (*COUNTS, *UNIQUES, *RATIOS) if name in ours}
    on = " AND ".join(f't."{key}" IS NOT DISTINCT FROM o."{key}"' for key in KEYS)
    keys = ", ".join(f'coalesce(t."{key}", o."{key}") AS "{key}"' for key in KEYS)
    sides = ", ".join(f"t.{name} AS true_{name}, o.{name} AS our_{name}" for name in rules)
    wrong = ", ".join(f"NOT ({rule}) AS wrong_{name}" for name, rule in rules.items())
    found = store.execute(f"""
        WITH both_sides AS (
            SELECT {keys}, {sides}, {wrong}
            FROM (FROM oracle.metrics WHERE scope IN {_compared_scopes(store, given)}) AS t FULL JOIN metrics AS o ON {on}
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


def _wrong_boards(store: duckdb.DuckDBPyConnection, given: frozenset[str]) -> list[str]:
    """Return places that only one side has, by every metric and in every window that the export ranks by."""
    book_boards(store, sorted({*BOARD_METRICS_NOW, *_values(store, "leaderboards", "metric")}))
    columns = ("scope", "metric", "window", "window_start", "rank", "id", "value")
    windows = {*BOARD_WINDOWS_NOW, *_values(store, "leaderboards", '"window"')}
    ranked = f"""
        scope IN {_compared_scopes(store, given)} AND "window" IN {(*sorted(windows), "")}
        AND (metric NOT IN {UNIQUES} OR value <= {EXACT_USERS})
    """
    return _only_on_one_side(store, "leaderboards", columns, ranked)


def _wrong_tables(store: duckdb.DuckDBPyConnection) -> list[str]:
    """Return rows that only one side has of every other table that both have."""
    tables = [table for table in _TABLES if table in _names(store)]
    return [line for table in tables for line in _only_on_one_side(store, table, _TABLES[table])]


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


def _columns(store: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Return the columns of a table and their types."""
    return {row[0]: row[1] for row in store.execute(f"DESCRIBE FROM {table}").fetchall()}


def _names(store: duckdb.DuckDBPyConnection) -> set[str]:
    sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'main'"
    return {row[0] for row in store.execute(sql).fetchall()}


def _values(store: duckdb.DuckDBPyConnection, table: str, column: str) -> set[str]:
    return {row[0] for row in store.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall()}
