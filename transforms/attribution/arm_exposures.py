"""From accepted events: who was exposed to which coupon, or kept out of it at random.

>>> from schemas.events import EVENT_SCHEMA
>>> row = {"event_type": "view", "event_time": 5, "user_id": "u", "coupon_id": "c"}
>>> rows = [row, {**row, "holdout": True}, {**row, "coupon_id": None}, {**row, "event_type": "click", "item_id": "i"}]
>>> arm_exposures(EventView(pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA)))["exposed"].to_pylist()
[1, 0, 1]
"""

import numpy as np
import pyarrow as pa

from transforms import event_kernels as kernels
from transforms.event_view import EventView


def arm_exposures(events: EventView, *, none: bool = False) -> pa.RecordBatch:
    """Return views, clicks and ghost views of known users that name a coupon; `none` leaves all out.

    Columns: user, coupon (hashes), event_time_ms, exposed (0: a ghost).
    """
    kinds, users, coupons = events.kinds, events.hashes("user_id"), events.hashes("coupon_id")
    ghost = kinds == kernels.GHOST
    shown = ghost | (kinds == kernels.ENTRY) | (kinds == kernels.IMPRESSION) | (kinds == kernels.CLICK)
    rows = np.flatnonzero(shown & (users != 0) & (coupons != 0)) if not none else np.zeros(0, np.int64)
    columns = {
        "user": pa.array(users[rows]),
        "coupon": pa.array(coupons[rows]),
        "event_time_ms": pa.array(events.times_ms[rows]),
        "exposed": pa.array((~ghost[rows]).astype(np.uint8)),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
