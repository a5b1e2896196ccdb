"""From accepted events to touches: who saw or clicked what, where, and which channels brought them.

A touch has one channel, the first that applies, and belongs to further ones besides: its FACT channel, creator, MCN and
merchant. Touches that agree in all of these are of one origin, so that each distinct name is made once a batch.

>>> from schemas.events import EVENT_SCHEMA
>>> row = {"event_id": "e", "event_type": "click", "event_time": 5, "user_id": "u", "item_id": "i", "coupon_id": "c"}
>>> touches = touches_of(EventView(pa.RecordBatch.from_pylist([row], schema=EVENT_SCHEMA)), DimensionRows({}))
>>> touches["channel"].to_pylist(), touches["by_creator"].to_pylist(), touches["click"].to_pylist()
(['coupon\\x1fc'], ['creator\\x1fnone'], [1])
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.keys import US
from schemas.metrics import CHANNELS, FACT_CHANNELS, NO_ID
from transforms import event_kernels as kernels
from transforms.attribution.kernels import number_origins
from transforms.dimensions import DimensionRows
from transforms.event_view import EventView, Rows
from transforms.state.hashing import Hashes

CHANNEL_COLUMNS: Final = {"coupon": "coupon_id", "ad_plan": "ad_plan_id", "campaign": "campaign_id"} | {
    "traffic_source": "traffic_source"
}
FURTHER: Final = "by_"
"""Begins the names of columns of further channels."""
_COLUMNS: Final = [CHANNEL_COLUMNS[channel] for channel in CHANNELS]
_FACTS: Final = pa.array(FACT_CHANNELS)
_CAMPAIGN: Final = FACT_CHANNELS.index("campaign")
_PREFIXES: Final = [f"traffic_source{US}{NO_ID}", *(f"{channel}{US}" for channel in CHANNELS)]
_ITEM_SALT: Final = np.uint64(0xBF58476D1CE4E5B9)
"""Tells an item that is its own merchant from a merchant of the same name."""
_SESSION_WEIGHT: Final = np.uint64(0x9E3779B97F4A7C15)


def touches_of(events: EventView, dimensions: DimensionRows, *, credited: bool = True) -> pa.RecordBatch:
    """Return the views and clicks of known users as touches; ghost exposures are none.

    An item whose merchant no dimension says is its own merchant, since only the same item is then known to be of
    the same one. `category` is that of the scope, for the funnel, which is all that touches are for unless they are
    `credited`.
    """
    rows = np.flatnonzero(_is_touch(events))
    items = dimensions.items.places(events.hashes("item_id")[rows])
    columns = {
        "event_time_ms": pa.array(events.times_ms[rows]),
        "user": pa.array(events.hashes("user_id")[rows]),
        "category": dimensions.items.scopes["category"].encoded_at(items),
        **(_credited(events, rows, dimensions) if credited else {}),
        "click": pa.array((events.kinds[rows] == kernels.CLICK).view(np.uint8)),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _credited(events: EventView, rows: Rows, dimensions: DimensionRows) -> dict[str, pa.Array]:
    """Return what credit needs of touches."""
    return {
        "event_id": events.events["event_id"].take(pa.array(rows)),
        "place": pa.array(places(events.hashes("room_id")[rows], events.hashes("session_id")[rows])),
        "merchant": pa.array(merchant_hashes(events, rows, dimensions)),
        **origins(events, rows, dimensions),
    }


def channel_columns(touches: pa.RecordBatch) -> list[str]:
    """Return the names of a batch's columns of channels, if any: its own first, then the further ones in their order."""
    return [name for name in touches.schema.names if name == "channel" or name.startswith(FURTHER)]


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


def origins(events: EventView, rows: Rows, dimensions: DimensionRows) -> dict[str, pa.DictionaryArray]:
    """Return the channels of some events, each kind and id as one text; all columns have the same numbers."""
    merchant_codes, merchants = _merchants(events, rows, dimensions)
    columns = events.hash_rows(_COLUMNS)
    numbers, column_of, first = number_origins(rows, columns, events.hashes("creator_id"), merchant_codes)
    names = {"channel": _channel_names(events, column_of, first, rows)}
    shown = rows[first]
    creators = dimensions.creators.places(events.hashes("creator_id")[shown])
    in_campaign = columns[CHANNELS.index("campaign"), shown] != 0
    further = {
        "fact_channel": lambda: _FACTS.take(
            pa.array(np.where(in_campaign, _CAMPAIGN, dimensions.fact_codes[creators]))
        ),
        "creator": lambda: events.events["creator_id"].take(pa.array(shown)).fill_null(NO_ID),
        "mcn": lambda: dimensions.creators.scopes["mcn"].names_at(creators),
        "merchant": lambda: merchants.take(pa.array(merchant_codes[first])),
    }
    for kind in dimensions.further_channels:
        names[f"{FURTHER}{kind}"] = pc.binary_join_element_wise(pa.scalar(kind), further[kind](), US)
    shared = pa.array(numbers)
    return {name: pa.DictionaryArray.from_arrays(shared, held) for name, held in names.items()}


def _channel_names(events: EventView, column_of: np.ndarray, first: np.ndarray, rows: Rows) -> pa.StringArray:
    at = np.where(column_of < 0, np.int64(-1), rows[first])
    return events.put_together(_PREFIXES, column_of + 1, _COLUMNS, np.maximum(column_of, 0), at)


def _merchants(
    events: EventView, rows: Rows, dimensions: DimensionRows
) -> tuple[npt.NDArray[np.int32], pa.StringArray]:
    """Number the merchants of some events' items as the dimension names them; all 0 where it is not given."""
    if "merchant" not in dimensions.further_channels:
        return np.zeros(len(rows), np.int32), pa.array([NO_ID])
    coded = dimensions.items.scopes["merchant"]
    return coded.codes[dimensions.items.places(events.hashes("item_id")[rows])], coded.names
