"""Puffy: ten days of an online shop's web log, one CSV a day, with the defects of a real log.

| source row | becomes |
|---|---|
| `page_viewed` | `view`; on a product page (`/products/SLUG`) with that item, elsewhere without one |
| `product_added_to_cart` | `click` on the page's product; on pages without one, on the item `cart` |
| `checkout_completed` | one `order` (`paid`, USD) an item; see puffy_orders.py |
| `checkout_started`, `email_filled_on_popup`, others | nothing; counted under `not_mapped` |

Users are the client id, however the column is spelt. A row without one belongs to `anonymous-…`, made of the
browser and the UTC day (the finest that the row still says); an order, of its transaction id. There is no
live room: room, session and creator stay null.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

import pyarrow as pa

from transforms.io.imports.columns import event_batch, iso_ms
from transforms.io.imports.files import find_files
from transforms.io.imports.importer import Importer
from transforms.io.imports.output import ImportOutput
from transforms.io.imports.puffy_orders import RefusedRowError, Transactions
from transforms.io.imports.puffy_traffic import traffic_of
from transforms.io.imports.tables import TEXT_SUFFIXES, Chunk, Column, Layout, matching_files, read_chunks

LAYOUT: Final = Layout(
    (
        Column("timestamp", ("event_timestamp", "event_time", "time", "ts")),
        Column("event_name", ("event", "event_type")),
        Column("event_data", ("data", "payload"), required=False),
        Column("page_url", ("url", "page"), required=False),
        Column("client_id", ("visitor_id", "user_id"), required=False),
        Column("referrer", ("referer",), required=False),
        Column("user_agent", ("ua",), required=False),
    )
)
CART: Final = "cart"
_DAY_MS: Final = 86_400_000
_PRODUCT: Final = re.compile(r"^[^?#]*/products/([^/?#]+)")
_NOBODY: Final = {None, "null", "undefined", "None", "nan"}

Row = dict[str, str | None]


class Puffy(Importer):
    """Imports the web log; a Python loop, since such logs are small (about 30,000 rows a second)."""

    name: ClassVar[str] = "puffy"
    title: ClassVar[str] = "Puffy web shop events, 2025-02-23 to 2025-03-04"
    licence: ClassVar[str] = "none stated by the publisher: for evaluation only, not to be passed on"
    citation: ClassVar[str] = (
        "Puffy web shop event log (page views, carts, checkouts), February to March 2025."
    )
    homepage: ClassVar[str] = "https://puffy.com"
    notes: ClassVar[str] = (
        "Revenue is the truth: lines sum to it to the cent. The first row of each transaction id stands. "
        "checkout_started and email_filled_on_popup have no event of ours and are counted under not_mapped."
    )

    def convert(self, path: Path, out: ImportOutput) -> None:
        """Read the daily files in name order; transactions are known across files."""
        transactions = Transactions()
        items: set[str] = set()
        files = matching_files(find_files(path, TEXT_SUFFIXES), LAYOUT, r"events_\d{8}", out)
        for file, header in files:
            for chunk in read_chunks(file, header, out):
                events = [
                    event for row in _rows(chunk, self.name) for event in _events(row, transactions, out)
                ]
                items.update(event["item_id"] for event in events if event["item_id"])
                if events:
                    out.add_events(_batch(events))
        out.add_dimension("items", _items(items))


def _rows(chunk: Chunk, dataset: str) -> Iterator[tuple[str, Row, bytes]]:
    texts = {name: column.to_pylist() for name, column in chunk.columns.items()}
    ids = chunk.event_ids(dataset).to_pylist()
    for place, raw in enumerate(chunk.raw):
        yield ids[place], {name: texts[name][place] for name in texts}, raw.rstrip(b"\r\n")


def _events(
    source: tuple[str, Row, bytes], transactions: Transactions, out: ImportOutput
) -> Iterator[dict[str, Any]]:
    event_id, row, raw = source
    time_ms = iso_ms(row["timestamp"] or "")
    try:
        if time_ms is None:
            raise RefusedRowError("bad_timestamp", "timestamp", f"{row['timestamp']!r} is no ISO 8601 time")
        yield from _mapped(event_id, row, time_ms, transactions, out)
    except RefusedRowError as refusal:
        out.refuse(
            event_id=event_id, reason=refusal.reason, rule=refusal.rule, detail=refusal.detail, raw=raw,
            event_time_ms=time_ms,
        )  # fmt: skip


def _mapped(
    event_id: str, row: Row, time_ms: int, transactions: Transactions, out: ImportOutput
) -> Iterator[dict[str, Any]]:
    kind = row["event_name"]
    if kind is None:
        raise RefusedRowError("missing_event_name", "event_name", "the row does not say what happened")
    if kind == "checkout_completed":
        yield from _order(event_id, row, time_ms, transactions)
    elif kind == "page_viewed":
        yield _event(event_id, "view", row, time_ms, _product(row))
    elif kind == "product_added_to_cart":
        yield _event(event_id, "click", row, time_ms, _product(row) or CART)
    else:
        out.skip(kind)


def _order(event_id: str, row: Row, time_ms: int, transactions: Transactions) -> Iterator[dict[str, Any]]:
    transaction_id, lines = transactions.take(row.get("event_data"))
    user_id = _client(row) or f"anonymous-{transaction_id}"
    for number, line in enumerate(lines):
        event = _event(f"{event_id}-{number}", "order", row, time_ms, line.item_id)
        yield event | {
            "user_id": user_id, "order_id": transaction_id, "quantity": line.quantity,
            "amount_minor": line.amount_minor, "currency": "USD", "order_status": "paid",
        }  # fmt: skip


def _event(event_id: str, kind: str, row: Row, time_ms: int, item_id: str | None) -> dict[str, Any]:
    source, ad_plan_id = traffic_of(row.get("page_url"), row.get("referrer"))
    return {
        "event_id": event_id, "event_type": kind, "event_time": time_ms, "user_id": _user(row, time_ms),
        "traffic_source": source, "ad_plan_id": ad_plan_id, "item_id": item_id,
    }  # fmt: skip


def _client(row: Row) -> str | None:
    client = row.get("client_id")
    return None if client in _NOBODY else client


def _user(row: Row, time_ms: int) -> str:
    browser_day = f"{row.get('user_agent')}|{time_ms // _DAY_MS}"
    return _client(row) or f"anonymous-{hashlib.sha256(browser_day.encode()).hexdigest()[:12]}"


def _product(row: Row) -> str | None:
    found = _PRODUCT.match(row.get("page_url") or "")
    return found.group(1) if found else None


def _batch(events: list[dict[str, Any]]) -> pa.RecordBatch:
    names = {name for event in events for name in event}
    columns = {name: pa.array([event.get(name) for event in events]) for name in sorted(names)}
    return event_batch(len(events), **columns)


def _items(items: set[str]) -> pa.Table:
    names = sorted(items)
    return pa.table({"item_id": pa.array(names, pa.string()), "merchant_id": ["puffy"] * len(names)})
