"""From accepted events to touches: who saw or clicked what, where, and which channels brought them.

A touch has one channel, the first that applies, and belongs to further ones besides: its FACT channel, creator, MCN and
merchant. Touches that agree in all of these are of one origin, so that each distinct name is made once a batch.

>>> from schemas.events import EVENT_SCHEMA
>>> row = {"event_id": "e", "event_type": "click", "event_time": 5, "user_id": "u", "item_id": "i", "coupon_id": "c"}
>>> touches = touches_of(EventView(pa.RecordBatch.from_pylist([row], schema=EVENT_SCHEMA)), {}, Owners())
>>> touches["channel"].to_pylist(), touches["by_creator"].to_pylist(), touches["click"].to_pylist()
(['coupon\\x1fc'], ['creator\\x1fnone'], [1])
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.keys import US
from schemas.metrics import CHANNELS, NO_ID
from transforms import event_kernels as kernels
from transforms.attribution.kernels import number_origins
from transforms.attribution.owners import Owners
from transforms.event_view import EventView, Rows
from transforms.state.hashing import Hashes, hash_text

CHANNEL_COLUMNS: Final = {"coupon": "coupon_id", "ad_plan": "ad_plan_id", "campaign": "campaign_id"} | {
    "traffic_source": "traffic_source"
}
FURTHER: Final = "by_"
"""Begins the names of columns of further channels."""
_COLUMNS: Final = [CHANNEL_COLUMNS[channel] for channel in CHANNELS]
_PREFIXES: Final = [f"traffic_source{US}{NO_ID}", *(f"{channel}{US}" for channel in CHANNELS)]
_MERCHANT_SEED: Final = 3
_ITEM_SALT: Final = np.uint64(0xBF58476D1CE4E5B9)
"""Tells an item that is its own merchant from a merchant of the same name."""
_SESSION_WEIGHT: Final = np.uint64(0x9E3779B97F4A7C15)


def touches_of(
    events: EventView, merchants: Mapping[str, str], owners: Owners, *, none: bool = False
) -> pa.RecordBatch:
    """Return the views and clicks of known users as touches; ghost exposures are none.

    `merchants` maps an item to its merchant; an item it lacks is its own merchant, since only the same item
    is then known to be of the same one. `none` leaves all touches out.
    """
    rows = np.flatnonzero(_is_touch(events)) if not none else np.zeros(0, np.int64)
    columns = {
        "event_id": events.events["event_id"].take(pa.array(rows)),
        "event_time_ms": pa.array(events.times_ms[rows]),
        "user": pa.array(events.hashes("user_id")[rows]),
        "place": pa.array(places(events.hashes("room_id")[rows], events.hashes("session_id")[rows])),
        "merchant": pa.array(merchant_hashes(events, rows, merchants)),
        **origins(events, rows, owners),
        "click": pa.array((events.kinds[rows] == kernels.CLICK).view(np.uint8)),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def channel_columns(touches: pa.RecordBatch) -> list[str]:
    """Return the names of a batch's columns of channels: its own first, then the further ones in their order."""
    return ["channel", *(name for name in touches.schema.names if name.startswith(FURTHER))]


def _is_touch(events: EventView) -> np.ndarray:
    kinds = events.kinds
    shown = (kinds == kernels.ENTRY) | (kinds == kernels.IMPRESSION) | (kinds == kernels.CLICK)
    return shown & (events.hashes("user_id") != 0)


def places(rooms: Hashes, sessions: Hashes) -> Hashes:
    """Hash the room within its session, each given as its hash; 0 outside live rooms."""
    both = rooms ^ (sessions * _SESSION_WEIGHT)
    return np.where(rooms == 0, np.uint64(0), np.where(both == 0, np.uint64(1), both))


def merchant_hashes(events: EventView, rows: Rows, merchants: Mapping[str, str]) -> Hashes:
    """Hash the merchant of some events' items, or the item where its merchant is not known; 0 where there is no item."""
    items = events.hashes("item_id")[rows]
    own = np.where(items == 0, items, items ^ _ITEM_SALT)
    if not merchants:
        return own
    encoded = events.events["item_id"].take(pa.array(rows)).dictionary_encode(null_encoding="encode")
    named = pa.array([merchants.get(item) for item in encoded.dictionary.to_pylist()], pa.string())
    of_merchant = hash_text(named, seed=_MERCHANT_SEED)[encoded.indices.to_numpy()]
    return np.where(of_merchant == 0, own, of_merchant)


def origins(events: EventView, rows: Rows, owners: Owners) -> dict[str, pa.DictionaryArray]:
    """Return the channels of some events, each kind and id as one text; all columns have the same numbers."""
    merchant_codes, merchants = _merchants(events, rows, owners)
    columns = events.hash_rows(_COLUMNS)
    numbers, column_of, first = number_origins(rows, columns, events.hashes("creator_id"), merchant_codes)
    names = {"channel": _channel_names(events, column_of, first, rows)}
    creators = events.events["creator_id"].take(pa.array(rows[first]))
    in_campaign = columns[CHANNELS.index("campaign"), rows[first]] != 0
    further = {
        "fact_channel": lambda: owners.facts_of(creators, in_campaign),
        "creator": lambda: creators.fill_null(NO_ID),
        "mcn": lambda: owners.mcns_of(creators),
        "merchant": lambda: merchants.take(pa.array(merchant_codes[first])),
    }
    for kind in owners.further_channels:
        names[f"{FURTHER}{kind}"] = pc.binary_join_element_wise(pa.scalar(kind), further[kind](), US)
    shared = pa.array(numbers)
    return {name: pa.DictionaryArray.from_arrays(shared, held) for name, held in names.items()}


def _channel_names(events: EventView, column_of: np.ndarray, first: np.ndarray, rows: Rows) -> pa.StringArray:
    at = np.where(column_of < 0, np.int64(-1), rows[first])
    return events.put_together(_PREFIXES, column_of + 1, _COLUMNS, np.maximum(column_of, 0), at)


def _merchants(events: EventView, rows: Rows, owners: Owners) -> tuple[npt.NDArray[np.int32], pa.StringArray]:
    """Number the merchants of some events' items as the dimension names them; all 0 where it is not given."""
    if owners.merchants is None:
        return np.zeros(len(rows), np.int32), pa.array([NO_ID])
    encoded = events.events["item_id"].take(pa.array(rows)).dictionary_encode(null_encoding="encode")
    of_items = owners.merchants_of(encoded.dictionary).dictionary_encode()
    return of_items.indices.to_numpy()[encoded.indices.to_numpy()], of_items.dictionary
