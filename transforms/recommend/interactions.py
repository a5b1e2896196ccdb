"""From accepted events to what the recommender learns from: impressions, clicks and paid order lines."""

from typing import Any, Final

import numpy as np
import pyarrow as pa

from transforms import event_kernels as kernels
from transforms.event_view import EventView
from transforms.state.hashing import hash_strings

VIEW: Final = 0
CLICK: Final = 1
PAID: Final = 2
ENDED: Final = 3
STARTED: Final = 4
_NONE: Final = -1
_STATUSES: Final = ("ended", "started")
_TEXTS: Final = ["event_id", "user_id", "item_id", "session_id"]
_ROOM: Final = "room_id"
_TAUGHT: Final = np.full(kernels.REFUNDED + 1, _NONE, np.int8)
_TAUGHT[[kernels.ENTRY, kernels.IMPRESSION, kernels.CLICK, kernels.PAID]] = VIEW, VIEW, CLICK, PAID


def interactions_of(events: EventView) -> pa.RecordBatch:
    """Return the rows to learn from: columns event_time_ms, event_id, user_id, item_id, session_id, kind, room_id.

    Ghost exposures and unknown users teach nothing; an entry without an item says in which room somebody is,
    and a broadcast's end or beginning which rooms there are.
    """
    kinds, in_room = _TAUGHT[events.kinds], events.hashes(_ROOM) != 0
    named = (events.hashes("item_id") != 0) | ((events.kinds == kernels.ENTRY) & in_room)
    of_user = (kinds != _NONE) & named & (events.hashes("user_id") != 0) & ~events.ghosts
    statuses = _live_statuses(events)
    of_room = (statuses != _NONE) & in_room
    kinds = np.where(of_room, statuses, kinds)
    kept = np.flatnonzero(of_user | of_room)
    rows = events.events.select([*_TEXTS, _ROOM]).take(pa.array(kept))
    columns = [pa.array(events.times_ms[kept]), *rows.columns[:-1], pa.array(kinds[kept]), rows[_ROOM]]
    return pa.RecordBatch.from_arrays(columns, names=["event_time_ms", *_TEXTS, "kind", _ROOM])


def _live_statuses(events: EventView) -> Any:
    """What each event says of a broadcast, none where it is of no broadcast."""
    told = events.hashes("live_status")
    names = hash_strings(list(_STATUSES))
    return np.select([told == names[0], told == names[1]], [ENDED, STARTED], _NONE).astype(np.int8)
