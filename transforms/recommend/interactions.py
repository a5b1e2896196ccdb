"""From accepted events to what the recommender learns from: impressions, clicks and paid order lines."""

from typing import Final

import numpy as np
import pyarrow as pa

from transforms import event_kernels as kernels
from transforms.event_view import EventView

VIEW: Final = 0
CLICK: Final = 1
PAID: Final = 2
_NONE: Final = -1
_TEXTS: Final = ["event_id", "user_id", "item_id", "session_id"]
_TAUGHT: Final = np.full(kernels.REFUNDED + 1, _NONE, np.int8)
_TAUGHT[[kernels.IMPRESSION, kernels.CLICK, kernels.PAID]] = VIEW, CLICK, PAID


def interactions_of(events: EventView) -> pa.RecordBatch:
    """Return the rows to learn from: columns event_time_ms, event_id, user_id, item_id, session_id, kind.

    Ghost exposures, entries without an item and unknown users teach nothing.
    """
    kinds = _TAUGHT[events.kinds]
    known = (events.hashes("item_id") != 0) & (events.hashes("user_id") != 0)
    kept = np.flatnonzero((kinds != _NONE) & known & ~events.ghosts)
    rows = events.events.select(_TEXTS).take(pa.array(kept))
    columns = [pa.array(events.times_ms[kept]), *rows.columns, pa.array(kinds[kept])]
    return pa.RecordBatch.from_arrays(columns, names=["event_time_ms", *_TEXTS, "kind"])
