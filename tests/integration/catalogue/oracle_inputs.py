"""What the oracle is given: accepted events and dimension tables, in a schema of their own beside the
export's tables."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from schemas.events import EVENT_SCHEMA

DIMENSIONS: Final = {
    "items": "item_id VARCHAR, merchant_id VARCHAR, brand_id VARCHAR, category_id VARCHAR, launched_at TIMESTAMPTZ,"
    " is_premium BOOLEAN",
    "creators": "creator_id VARCHAR, kind VARCHAR, mcn_id VARCHAR, base_id VARCHAR",
    "merchants": "merchant_id VARCHAR, service_provider_id VARCHAR, region VARCHAR",
}
_READERS: Final = {".parquet": "read_parquet", ".csv": "read_csv", ".jsonl": "read_json"}


def give_events(store: duckdb.DuckDBPyConnection, accepted: Iterable[dict[str, Any]]) -> None:
    """Fill `oracle.events` from events as JSON objects, times in epoch milliseconds."""
    rows = list(accepted)
    columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in EVENT_SCHEMA]
    give_table(store, pa.Table.from_arrays(columns, schema=EVENT_SCHEMA))


def give_table(store: duckdb.DuckDBPyConnection, accepted: pa.Table) -> None:
    """Fill `oracle.events` from a table of the events' schema; `event_time` becomes epoch milliseconds."""
    store.execute("SET TimeZone = 'UTC'")
    store.execute("CREATE SCHEMA IF NOT EXISTS oracle")
    store.register("given_events", accepted)
    store.execute("""
        CREATE OR REPLACE TABLE oracle.events AS
        SELECT * REPLACE (epoch_ms(event_time) AS event_time) FROM given_events
    """)
    store.unregister("given_events")


def give_dimensions(store: duckdb.DuckDBPyConnection, folder: Path | None) -> frozenset[str]:
    """Fill `oracle.items`, `oracle.creators` and `oracle.merchants`, empty where not given; return those given."""
    store.execute("CREATE SCHEMA IF NOT EXISTS oracle")
    given = set()
    for name, columns in DIMENSIONS.items():
        store.execute(f"CREATE OR REPLACE TABLE oracle.{name} ({columns})")
        for file in sorted((folder or Path("absent")).glob(f"{name}.*")):
            source = f"{_READERS[file.suffix]}('{file}')"
            store.execute(f"INSERT INTO oracle.{name} BY NAME {_known_columns(store, name, source)}")
            given.add(name)
    return frozenset(given)


def _known_columns(store: duckdb.DuckDBPyConnection, name: str, source: str) -> str:
    """Return a query of the file's columns that the oracle reads; all others are null."""
    wanted = dict(column.strip().split(" ") for column in DIMENSIONS[name].split(","))
    found = [row[0] for row in store.execute(f"DESCRIBE FROM {source}").fetchall()]
    casts = ", ".join(
        f"CAST({column} AS {kind}) AS {column}" for column, kind in wanted.items() if column in found
    )
    return f"SELECT {casts} FROM {source}"
