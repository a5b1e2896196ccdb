"""From accepted events to touches: who saw or clicked what, where, and which channel brought them.

>>> from schemas.events import EVENT_SCHEMA
>>> row = {"event_id": "e", "event_type": "click", "event_time": 5, "user_id": "u", "item_id": "i", "coupon_id": "c"}
>>> touches = touches_of(pa.RecordBatch.from_pylist([row], schema=EVENT_SCHEMA), {})
>>> touches["channel"].to_pylist(), touches["click"].to_pylist()
(['coupon\\x1fc'], [1])
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.keys import US
from schemas.metrics import CHANNELS, NO_ID
from transforms.state.hashing import Hashes, hash_text

CHANNEL_COLUMNS: Final = {"coupon": "coupon_id", "ad_plan": "ad_plan_id", "campaign": "campaign_id"} | {
    "traffic_source": "traffic_source"
}
_TOUCH_COLUMNS: Final = [
    "event_id", "event_type", "event_time", "user_id", "room_id", "session_id", "item_id", *CHANNEL_COLUMNS.values(),
]  # fmt: skip
_MERCHANT_SEED: Final = 3
_ITEM_SEED: Final = 4
_SESSION_WEIGHT: Final = np.uint64(0x9E3779B97F4A7C15)


def touches_of(events: pa.RecordBatch, merchants: Mapping[str, str]) -> pa.RecordBatch:
    """Return the views and clicks of known users as touches; ghost exposures are none.

    `merchants` maps an item to its merchant; an item it lacks is its own merchant, since only the same item
    is then known to be of the same one.
    """
    rows = events.select(_TOUCH_COLUMNS).filter(is_touch(events))
    return pa.record_batch(
        {
            "event_id": rows["event_id"],
            "event_time_ms": rows["event_time"].view(pa.int64()),
            "user": hash_text(rows["user_id"]),
            "place": places(rows),
            "merchant": merchant_hashes(rows["item_id"], merchants),
            "channel": channels(rows),
            "click": pc.equal(rows["event_type"], "click").cast(pa.uint8()),
        }
    )


def is_touch(events: pa.RecordBatch) -> pa.BooleanArray:
    """Return where events are views (ghost exposures excluded) or clicks of a known user."""
    kinds = events["event_type"]
    seen = pc.and_(pc.equal(kinds, "view"), pc.invert(events["holdout"].fill_null(False)))
    return pc.and_(pc.or_(seen, pc.equal(kinds, "click")), events["user_id"].is_valid())


def places(events: pa.RecordBatch) -> Hashes:
    """Hash the room within its session; 0 outside live rooms."""
    rooms = hash_text(events["room_id"])
    both = rooms ^ (hash_text(events["session_id"]) * _SESSION_WEIGHT)
    return np.where(rooms == 0, np.uint64(0), np.where(both == 0, np.uint64(1), both))


def merchant_hashes(items: pa.StringArray, merchants: Mapping[str, str]) -> Hashes:
    """Hash each item's merchant, or the item where its merchant is not known; 0 where there is no item."""
    if items.null_count == len(items):
        return np.zeros(len(items), np.uint64)
    encoded = items.dictionary_encode(null_encoding="encode")
    own = hash_text(encoded.dictionary, seed=_ITEM_SEED)
    if merchants:
        known = pa.array([merchants.get(item) for item in encoded.dictionary.to_pylist()], pa.string())
        of_merchant = hash_text(known, seed=_MERCHANT_SEED)
        own = np.where(of_merchant == 0, own, of_merchant)
    return own[encoded.indices.to_numpy()]


def channels(events: pa.RecordBatch) -> pa.DictionaryArray:
    """Return each event's channel and id as one text; the first of coupon, ad plan, campaign, source."""
    codes: npt.NDArray[np.int32] = np.zeros(events.num_rows, np.int32)
    names = [f"traffic_source{US}{NO_ID}"]
    for channel in reversed(CHANNELS):
        column = events[CHANNEL_COLUMNS[channel]]
        if column.null_count < len(column):
            encoded = column.dictionary_encode()
            held = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            codes = np.where(held >= 0, held + len(names), codes)
            names.extend(f"{channel}{US}{identifier}" for identifier in encoded.dictionary.to_pylist())
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(names))
