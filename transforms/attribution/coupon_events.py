"""From accepted events to what the coupon book takes: what coupons' own events say, and when coupons were exposed.

>>> from schemas.events import EVENT_SCHEMA
>>> rows = [{"event_type": "view", "event_time": 5, "coupon_id": "c"}, {"event_type": "coupon", "coupon_id": "c"}]
>>> view = EventView(pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA))
>>> exposures_of(view).to_pylist(), coupon_events(view)["coupon_id"].to_pylist()
([{'coupon_id': 'c', 'exposed_ms': 5}], ['c'])
"""

from typing import Final

import numpy as np
import pyarrow as pa

from transforms import event_kernels as kernels
from transforms.event_view import EventView
from transforms.state.hashing import hash_strings

COUPON_COLUMNS: Final = [
    "event_id", "event_time", "coupon_id", "creator_id", "cost_minor", "impressions", "valid_from", "valid_to",
    "task_id", "holdout_share", "coupon_status",
]  # fmt: skip
EXPOSED: Final = "exposed_ms"
_COUPON: Final = hash_strings(["coupon"])[0]


def coupon_events(events: EventView) -> pa.RecordBatch:
    """Return the coupon events with `COUPON_COLUMNS`; `coupon_status` comes last."""
    rows = np.flatnonzero((events.hashes("event_type") == _COUPON) & (events.hashes("coupon_id") != 0))
    return events.events.select(COUPON_COLUMNS).take(pa.array(rows))


def exposures_of(events: EventView, *, none: bool = False) -> pa.RecordBatch:
    """Return coupon and time of every view that a coupon paid for; ghost exposures are none. `none` leaves all out."""
    shown = (events.kinds == kernels.ENTRY) | (events.kinds == kernels.IMPRESSION)
    rows = np.flatnonzero(shown & (events.hashes("coupon_id") != 0)) if not none else np.zeros(0, np.int64)
    columns = [events.events["coupon_id"].take(pa.array(rows)), pa.array(events.times_ms[rows])]
    return pa.RecordBatch.from_arrays(columns, names=["coupon_id", EXPOSED])
