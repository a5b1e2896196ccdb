"""Which user each event of a batch showed, as what, and in which rows of the batch's partial sums: family `u`.

It travels right behind those sums, and what takes them in finds the user's cells by their rows.

>>> from schemas.events import EVENT_SCHEMA
>>> rows = [{"event_type": "view", "user_id": "u"}, {"event_type": "live"}, {"event_type": "follow", "user_id": "u"}]
>>> view = EventView(pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA))
>>> users = users_batch(view, np.array([[0, -1, 0], [1, -1, 1]], np.int32))
>>> users["role"].to_pylist(), users["u"].to_pylist()
([1, 0], [[0, 1], [0, 1]])
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms import event_kernels as kinds
from transforms.event_view import EventView

FAMILY: Final = "u"
ONLINE_SCOPE: Final = "session"
"""The scope whose minutes count everyone who was there."""

ONLINE: Final = 0
VIEWER: Final = 1
CLICKER: Final = 2
BUYER: Final = 3
"""Roles; 0 is any other, which shows no more than that the user was there."""

_ROLES: Final = np.zeros(kinds.REFUNDED + 1, np.int8)
_ROLES[[kinds.ENTRY, kinds.IMPRESSION]] = VIEWER
_ROLES[kinds.CLICK] = CLICKER
_ROLES[kinds.PAID] = BUYER


def users_batch(events: EventView, cells: npt.NDArray[np.int32]) -> pa.RecordBatch:
    """Return the user's hash, role and rows of sums of every event with a user; `cells` has a column an event."""
    rows = np.ascontiguousarray(cells.T)
    users, roles = events.hashes("user_id"), _ROLES[events.kinds]
    known = users != 0
    if not known.all():
        users, roles, rows = users[known], roles[known], rows[known]
    columns: list[Any] = [
        pa.array(users), pa.array(roles),
        pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1]),
    ]  # fmt: skip
    return pa.RecordBatch.from_arrays(columns, names=["user", "role", FAMILY])
