"""From order events to the payments that users' books take: who paid what, when, to which merchant.

The merchant is the one that the event counts under, so that payments for items without a merchant are all of
one, `none` or `unknown`; to attribution such an item is a merchant of its own.
"""

import numpy as np
import pyarrow as pa

from transforms import event_kernels as kernels
from transforms.dimensions import DimensionRows
from transforms.event_view import EventView
from transforms.orders.book import STATUS_CODES, line_hashes
from transforms.state.hashing import hash_text

_COLUMNS = ["event_time_ms", "amount_minor", "user", "order_id", "session"]


def payments_of(orders: pa.RecordBatch, events: EventView, dimensions: DimensionRows) -> pa.RecordBatch:
    """Return the payments among order events (as `order_events` has them of the same events)."""
    paid = orders["status"].to_numpy() == STATUS_CODES["paid"]
    rows = np.flatnonzero(events.kinds == kernels.PAID)
    items = dimensions.items.places(events.hashes("item_id")[rows])
    merchants, categories = (
        dimensions.items.scopes[scope].encoded_at(items) for scope in ("merchant", "category")
    )
    scopes = [name for name in orders.schema.names if name.startswith("scope_")]
    payments = orders.filter(pa.array(paid))
    named = payments.select([*_COLUMNS, *scopes])
    added = {
        "line": pa.array(line_hashes(payments["order_id"], payments["item_id"])),
        "merchant": pa.array(hash_text(merchants.dictionary)[merchants.indices.to_numpy()]),
        "category": categories,
    }
    return pa.RecordBatch.from_arrays([*named.columns, *added.values()], names=[*named.schema.names, *added])
