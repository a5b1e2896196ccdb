"""From order events to the payments that users' books take: who paid what, when, to which merchant.

The merchant is the one that the event counts under, so that payments for items without a merchant are all of
one, `none` or `unknown`; to attribution such an item is a merchant of its own.
"""

import numpy as np
import pyarrow as pa

from schemas.metrics import SCOPES
from transforms import event_kernels as kernels
from transforms.event_view import EventView
from transforms.item_ids import ItemIds, ids_of_items
from transforms.orders.book import STATUS_CODES
from transforms.state.hashing import hash_text

_COLUMNS = ["event_time_ms", "amount_minor", "user", "order_id"]
_SCOPE_COLUMNS = [f"scope_{scope}" for scope in SCOPES if scope != "platform"]


def payments_of(orders: pa.RecordBatch, events: EventView, items: ItemIds) -> pa.RecordBatch:
    """Return the payments among order events (as `order_events` has them of the same events)."""
    paid = orders["status"].to_numpy() == STATUS_CODES["paid"]
    rows = np.flatnonzero(events.kinds == kernels.PAID)
    merchants = ids_of_items(events, rows, items.merchants)
    named = orders.select([*_COLUMNS, *_SCOPE_COLUMNS]).filter(pa.array(paid))
    added = {
        "merchant": pa.array(hash_text(merchants.dictionary)[merchants.indices.to_numpy()]),
        "category": ids_of_items(events, rows, items.categories),
    }
    return pa.RecordBatch.from_arrays([*named.columns, *added.values()], names=[*named.schema.names, *added])
