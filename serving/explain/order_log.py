"""The order events behind the figures, line by line, as one id sees them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from schemas.errors import UsageError
from schemas.keys import VERSION_BYTES, order_log_key
from schemas.metrics import NO_ID
from serving.access import Store, read_hashes, scan_keys
from serving.cells import damage

PLACED, PAID, CANCELLED, REFUNDED = range(4)
"""Order statuses as the log has them."""


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One status change of an order line; `here` where it happened under the id and in the span asked for."""

    status: int
    event_time_ms: int
    amount_minor: int
    here: bool


@dataclass(slots=True)
class Line:
    """Everything that is known of one order line, in order of event time."""

    order_id: str
    item_id: str
    events: list[OrderEvent] = field(default_factory=list)

    def amount(self, status: int, *, here: bool) -> int:
        """Return what its events of a status come to, of those here or elsewhere."""
        return sum(e.amount_minor for e in self.events if e.status == status and e.here is here)

    def has(self, status: int, *, here: bool | None = None) -> bool:
        """Say whether it has an event of a status."""
        return any(e.status == status and here in (None, e.here) for e in self.events)

    @property
    def payments_here(self) -> list[OrderEvent]:
        """Its payments here: GMV paid."""
        return [event for event in self.events if event.status == PAID and event.here]

    @property
    def payment(self) -> OrderEvent | None:
        """The first payment, at whose time refunds are booked by order time."""
        return next((e for e in self.events if e.status == PAID), None)


def read_lines(
    store: Store, scope: str, identifier: str, from_ms: int | None, to_ms: int | None
) -> list[Line]:
    """Return every order line with any event under an id in [from_ms, to_ms), each with all of its events.

    Reads the whole order log. Raises UsageError for a scope that it does not have.
    """
    table = _events(store)
    if table is None:
        return []
    here = _is_here(table, scope, identifier, from_ms, to_ms)
    orders = table["order_id"].combine_chunks().dictionary_encode()
    codes = orders.indices.to_numpy()
    concerned = np.isin(codes, np.unique(codes[here]))
    rows = table.append_column("here", pa.array(here)).filter(pa.array(concerned))
    lines = list(_lines(rows.sort_by([("event_time_ms", "ascending"), ("event_id", "ascending")])))
    return [line for line in lines if any(event.here for event in line.events)]


def _events(store: Store) -> pa.Table | None:
    """Read all order events, each once: what is written again has a higher version, and is the same."""
    prefix = order_log_key(store.namespace, 0)
    keys = scan_keys(store, prefix[: prefix.rindex(":") + 1])
    values = sorted((value for held in read_hashes(store, keys) for value in held.values()), reverse=True)
    with damage():
        tables = [pa.ipc.open_stream(value[VERSION_BYTES:]).read_all() for value in values]
    if not tables:
        return None
    table = pa.concat_tables(tables, promote_options="default")
    codes = table["event_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    _, first = np.unique(codes, return_index=True)
    return table.take(pa.array(np.sort(first)))


def _is_here(
    table: pa.Table, scope: str, identifier: str, from_ms: int | None, to_ms: int | None
) -> "np.ndarray":
    times = table["event_time_ms"].to_numpy()
    here = (times >= (from_ms if from_ms is not None else times.min())) & (
        times < (to_ms if to_ms is not None else times.max() + 1)
    )
    if scope == "platform":
        return here
    name = f"scope_{scope}"
    if name not in table.schema.names:
        raise UsageError(f"The orders are not known by {scope!r}: it is no scope, or was not published.")
    ids = table[name].combine_chunks().fill_null(NO_ID)
    return here & np.asarray(pa.compute.equal(ids, identifier))


_FIELDS: Final = ("order_id", "item_id", "status", "event_time_ms", "amount_minor", "here")


def _lines(rows: pa.Table) -> Iterator[Line]:
    lines: dict[tuple[str, str], Line] = {}
    columns = (rows[name].to_pylist() for name in _FIELDS)
    for order_id, item_id, *told in zip(*columns, strict=True):
        line = lines.setdefault((order_id, item_id), Line(order_id, item_id))
        line.events.append(OrderEvent(*told))
    yield from lines.values()
