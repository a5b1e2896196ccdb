"""From accepted events to the columns that the order book takes."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from schemas.metrics import SCOPES
from transforms.attribution.touches import merchant_hashes, places
from transforms.intake import ID_HASH
from transforms.orders.book import STATUS_CODES
from transforms.state.hashing import hash_text


def order_events(events: pa.RecordBatch, merchants: Mapping[str, str]) -> pa.RecordBatch:
    """Return the order events whose status changes a figure, as `OrderBook.absorb` takes them."""
    statuses = _statuses(events)
    kept = np.flatnonzero(statuses >= 0)
    rows = events.take(pa.array(kept))
    scopes = {f"scope_{scope}": rows[_column(scope)] for scope in SCOPES if scope != "platform"}
    return pa.record_batch(
        {
            "order_id": rows["order_id"],
            "item_id": rows["item_id"],
            "status": statuses[kept],
            "event_time_ms": rows["event_time"].view(pa.int64()),
            "event_hash": rows[ID_HASH],
            "amount_minor": rows["amount_minor"],
            "user": hash_text(rows["user_id"]),
            "room": places(rows),
            "merchant": merchant_hashes(rows["item_id"], merchants),
            **scopes,
        }
    )


def _column(scope: str) -> str:
    return scope if scope == "traffic_source" else f"{scope}_id"


def _statuses(events: pa.RecordBatch) -> np.ndarray:
    none = np.full(events.num_rows, -1, np.int8)
    column = events["order_status"]
    if column.null_count == len(column):
        return none
    kinds, encoded = (
        events["event_type"].dictionary_encode(),
        column.dictionary_encode(null_encoding="encode"),
    )
    codes = np.array([STATUS_CODES.get(status, -1) for status in encoded.dictionary.to_pylist()], np.int8)
    orders = np.array([kind == "order" for kind in kinds.dictionary.to_pylist()])[kinds.indices.to_numpy()]
    return np.where(orders, codes[encoded.indices.to_numpy()], none)
