"""From accepted events to touches: who saw or clicked what, where, and which channel brought them.

>>> from schemas.events import EVENT_SCHEMA
>>> row = {"event_id": "e", "event_type": "click", "event_time": 5, "user_id": "u", "item_id": "i", "coupon_id": "c"}
>>> touches = touches_of(EventView(pa.RecordBatch.from_pylist([row], schema=EVENT_SCHEMA)), DimensionRows({}))
>>> touches["channel"].to_pylist(), touches["click"].to_pylist()
(['coupon\\x1fc'], [1])
"""

from typing import Final

import numpy as np
import pyarrow as pa

from schemas.keys import US
from schemas.metrics import CHANNELS, NO_ID
from transforms import event_kernels as kernels
from transforms.dimensions import DimensionRows
from transforms.event_view import EventView, Rows
from transforms.state.hashing import Hashes

CHANNEL_COLUMNS: Final = {"coupon": "coupon_id", "ad_plan": "ad_plan_id", "campaign": "campaign_id"} | {
    "traffic_source": "traffic_source"
}
_COLUMNS: Final = [CHANNEL_COLUMNS[channel] for channel in CHANNELS]
_PREFIXES: Final = [f"traffic_source{US}{NO_ID}", *(f"{channel}{US}" for channel in CHANNELS)]
_ITEM_SALT: Final = np.uint64(0xBF58476D1CE4E5B9)
"""Tells an item that is its own merchant from a merchant of the same name."""
_SESSION_WEIGHT: Final = np.uint64(0x9E3779B97F4A7C15)


def touches_of(events: EventView, dimensions: DimensionRows) -> pa.RecordBatch:
    """Return the views and clicks of known users as touches; ghost exposures are none.

    An item whose merchant no dimension says is its own merchant, since only the same item is then known to be of
    the same one.
    """
    rows = np.flatnonzero(_is_touch(events))
    columns = {
        "event_id": events.events["event_id"].take(pa.array(rows)),
        "event_time_ms": pa.array(events.times_ms[rows]),
        "user": pa.array(events.hashes("user_id")[rows]),
        "place": pa.array(places(events.hashes("room_id")[rows], events.hashes("session_id")[rows])),
        "merchant": pa.array(merchant_hashes(events, rows, dimensions)),
        "channel": channels(events, rows),
        "click": pa.array((events.kinds[rows] == kernels.CLICK).view(np.uint8)),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _is_touch(events: EventView) -> np.ndarray:
    kinds = events.kinds
    shown = (kinds == kernels.ENTRY) | (kinds == kernels.IMPRESSION) | (kinds == kernels.CLICK)
    return shown & (events.hashes("user_id") != 0)


def places(rooms: Hashes, sessions: Hashes) -> Hashes:
    """Hash the room within its session, each given as its hash; 0 outside live rooms."""
    both = rooms ^ (sessions * _SESSION_WEIGHT)
    return np.where(rooms == 0, np.uint64(0), np.where(both == 0, np.uint64(1), both))


def merchant_hashes(events: EventView, rows: Rows, dimensions: DimensionRows) -> Hashes:
    """Hash the merchant of some events' items, or the item where its merchant is not known; 0 where there is no item."""
    items = events.hashes("item_id")[rows]
    of_merchant = dimensions.merchant_hashes[dimensions.items.places(items)]
    own = np.where(items == 0, items, items ^ _ITEM_SALT)
    return np.where(of_merchant == 0, own, of_merchant)


def channels(events: EventView, rows: Rows) -> pa.DictionaryArray:
    """Return the channel and id of some events as one text; the first of coupon, ad plan, campaign, source."""
    numbers, column_of, first = kernels.first_channels(rows, events.hash_rows(_COLUMNS))
    names = events.put_together(_PREFIXES, column_of + 1, _COLUMNS, np.maximum(column_of, 0), first)
    return pa.DictionaryArray.from_arrays(pa.array(numbers), names)
