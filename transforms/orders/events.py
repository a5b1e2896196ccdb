"""From accepted events to the columns that the order book takes."""

import numpy as np
import pyarrow as pa

from schemas.metrics import FACT_CHANNELS, SCOPES
from transforms import event_kernels as kernels
from transforms.attribution.touches import merchant_hashes, places
from transforms.dimensions import DimensionRows
from transforms.event_view import EventView, Rows
from transforms.intake import ID_HASH
from transforms.orders.book import STATUS_CODES

_SCOPE_COLUMNS = {
    "room": "room_id", "session": "session_id", "creator": "creator_id", "item": "item_id",
    "traffic_source": "traffic_source", "campaign": "campaign_id",
}  # fmt: skip
_TEXTS = ["event_id", "order_id", *_SCOPE_COLUMNS.values()]
_STATUSES = np.array([STATUS_CODES[name] for name in kernels.STATUS_NAMES], np.int8)
_FACT_NAMES = pa.array(FACT_CHANNELS)


def order_events(events: EventView, dimensions: DimensionRows) -> pa.RecordBatch:
    """Return the order events whose status changes a figure, as `OrderBook.absorb` takes them.

    A column `scope_…` holds the ids of each published scope but the platform, `base` and `fact_channel` as the
    events themselves say them: what their session says of them comes on top, perhaps later.
    """
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
        "merchant": pa.array(merchant_hashes(events, kept, dimensions)),
        "session": pa.array(events.hashes("session_id")[kept]),
        **{f"scope_{scope}": rows[column] for scope, column in _SCOPE_COLUMNS.items()},
        **_derived(events, kept, dimensions),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _derived(events: EventView, rows: Rows, dimensions: DimensionRows) -> dict[str, pa.StringArray]:
    """Return the ids of the published scopes that follow from item and creator, in the order of scopes."""
    items = dimensions.items.places(events.hashes("item_id")[rows])
    creators = dimensions.creators.places(events.hashes("creator_id")[rows])
    facts = np.where(
        events.hashes("campaign_id")[rows] != 0,
        FACT_CHANNELS.index("campaign"),
        dimensions.fact_codes[creators],
    )
    found = {"fact_channel": _FACT_NAMES.take(pa.array(facts))}
    for dimension, at in ((dimensions.items, items), (dimensions.creators, creators)):
        found |= {
            name: coded.names_at(at) for name, coded in dimension.scopes.items() if name in dimensions.scopes
        }
    return {f"scope_{scope}": found[scope] for scope in SCOPES if scope in found}
