"""A small shop and events of it, few enough to count by hand."""

import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
from catalogue_oracle import book_catalogue
from oracle_inputs import give_dimensions, give_events
from oracle_terms import Terms

Event = dict[str, Any]
Rows = list[tuple[Any, ...]]
NOON = 1_781_755_200_000
"""Of 18 June 2026 in Shanghai."""
HOUR_MS = 3_600_000
_LAUNCHED = "2026-06-18T04:00:00Z"
_numbers = count()

DIMENSIONS: dict[str, list[Event]] = {
    "items": [
        {"item_id": "pan", "merchant_id": "m1", "brand_id": "b1", "category_id": "kitchen", "is_premium": True,
         "launched_at": _LAUNCHED},
        {"item_id": "pot", "merchant_id": "m1", "brand_id": None, "category_id": "kitchen", "is_premium": False},
        {"item_id": "tea", "merchant_id": "m2", "category_id": "food"},
        {"item_id": "odd"},
    ],
    "creators": [
        {"creator_id": "shopkeeper", "kind": "merchant", "mcn_id": "mcn1", "base_id": "base1"},
        {"creator_id": "host", "kind": "creator"}, {"creator_id": "star", "kind": "top_kol"}, {"creator_id": "blank"},
    ],
    "merchants": [{"merchant_id": "m1", "service_provider_id": "sp1", "region": "north"}],
}  # fmt: skip


def write_shop(folder: Path) -> Path:
    """Write the shop's dimensions; its pan is launched at noon."""
    folder.mkdir(exist_ok=True)
    for name, rows in DIMENSIONS.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def event(kind: str, at_ms: int, user: str | None = "ann", **fields: Any) -> Event:
    """Return an event; ids are given in the order of the calls."""
    named = {"event_id": f"e{next(_numbers):04d}", "event_type": kind, "event_time": at_ms, "user_id": user}
    return named | fields


def line(status: str, at_ms: int, order: str, item: str = "pan", minor: int = 100, **fields: Any) -> Event:
    """Return a status of an order's line."""
    money = {"order_id": order, "item_id": item, "amount_minor": minor, "quantity": 2, "currency": "CNY"}
    return event("order", at_ms) | money | {"order_status": status} | fields


def booked(
    events: Sequence[Event], dims: Path | None = None, terms: Terms | None = None
) -> duckdb.DuckDBPyConnection:
    """Return a database with the oracle's figures of these events."""
    store = duckdb.connect()
    give_events(store, events)
    give_dimensions(store, dims)
    book_catalogue(store, terms or Terms())
    return store


def figures(
    store: duckdb.DuckDBPyConnection, names: str, scope: str = "platform", window: str = "total"
) -> Rows:
    """Return figures by id, or by their window's start in hours of 18 June in Shanghai."""
    start = f"(start_ms - {NOON}) / {HOUR_MS} + 12" if window != "total" else "id"
    where = f"scope = '{scope}' AND \"window\" = '{window}'"
    return store.execute(
        f"SELECT {start}, {names} FROM oracle.metrics WHERE {where} ORDER BY 1, id"
    ).fetchall()
