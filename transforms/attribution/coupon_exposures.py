"""From accepted events: who was exposed to which coupon or kept out of it, and what is told of coupons themselves.

>>> from schemas.events import EVENT_SCHEMA
>>> row = {"event_type": "view", "event_time": 5, "user_id": "u", "coupon_id": "c"}
>>> rows = [row, {**row, "holdout": True}, {**row, "coupon_id": None}, {**row, "event_type": "click", "item_id": "i"}]
>>> exposures_of(EventView(pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA)))["exposed"].to_pylist()
[1, 0, 1]
"""

from typing import Final

import numpy as np
import pyarrow as pa

from transforms import event_kernels as kernels
from transforms.event_view import EventView
from transforms.state.hashing import hash_strings

COUPON_COLUMNS: Final = ("coupon_id", "event_id", "valid_to", "holdout_share", "cost_minor", "impressions")
_COUPON: Final = hash_strings(["coupon"])[0]


def exposures_of(events: EventView) -> pa.RecordBatch:
    """Return views, clicks and ghost views that name a coupon: user, coupon, event_time_ms, exposed (0: a ghost)."""
    kinds, users, coupons = events.kinds, events.hashes("user_id"), events.hashes("coupon_id")
    ghost = kinds == kernels.GHOST
    shown = ghost | (kinds == kernels.ENTRY) | (kinds == kernels.IMPRESSION) | (kinds == kernels.CLICK)
    rows = np.flatnonzero(shown & (users != 0) & (coupons != 0))
    columns = {
        "user": pa.array(users[rows]),
        "coupon": pa.array(coupons[rows]),
        "event_time_ms": pa.array(events.times_ms[rows]),
        "exposed": pa.array((~ghost[rows]).astype(np.uint8)),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def coupon_events_of(events: EventView) -> pa.RecordBatch:
    """Return what coupon events tell: the columns of `COUPON_COLUMNS` and event_time_ms; they are few."""
    is_coupon = pa.array(events.hashes("event_type") == _COUPON)
    told = events.events.select(COUPON_COLUMNS).filter(is_coupon)
    times = pa.array(events.times_ms).filter(is_coupon)
    return told.append_column("event_time_ms", times)
