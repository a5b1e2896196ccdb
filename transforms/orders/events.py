"""From accepted events to the columns that the order book takes."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from schemas.metrics import SCOPES
from transforms import event_kernels as kernels
from transforms.attribution.touches import merchant_hashes, places
from transforms.event_view import EventView
from transforms.intake import ID_HASH
from transforms.orders.book import STATUS_CODES

_SCOPE_COLUMNS = {
    scope: scope if scope == "traffic_source" else f"{scope}_id" for scope in SCOPES if scope != "platform"
}
_TEXTS = ["event_id", "order_id", *_SCOPE_COLUMNS.values()]
_STATUSES = np.array([STATUS_CODES[name] for name in kernels.STATUS_NAMES], np.int8)


def order_events(events: EventView, merchants: Mapping[str, str]) -> pa.RecordBatch:
    """Return the order events whose status changes a figure, as `OrderBook.absorb` takes them."""
    kinds = events.kinds
    kept = np.flatnonzero(kinds >= kernels.PLACED)
    rows = events.events.select([*_TEXTS, ID_HASH, "amount_minor"]).take(pa.array(kept))
    columns = {
        "event_id": rows["event_id"],
        "order_id": rows["order_id"],
        "item_id": rows["item_id"],
        "status": pa.array(_STATUSES[kinds[kept] - kernels.PLACED]),
        "event_time_ms": pa.array(events.times_ms[kept]),
        "event_hash": rows[ID_HASH],
        "amount_minor": rows["amount_minor"],
        "user": pa.array(events.hashes("user_id")[kept]),
        "room": pa.array(places(events.hashes("room_id")[kept], events.hashes("session_id")[kept])),
        "merchant": pa.array(merchant_hashes(events, kept, merchants)),
        **{f"scope_{scope}": rows[column] for scope, column in _SCOPE_COLUMNS.items()},
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
