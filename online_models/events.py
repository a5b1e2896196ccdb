"""A batch of events as a model's kernel takes it: dense numbers, one array a column."""

import zlib
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from online_models.identity import Identity
from schemas.errors import UsageError

VIEW, CLICK, ORDER = 0, 1, 2
ENDED, STARTED = 3, 4
"""A broadcast's end and beginning: of a room, with neither user nor item."""

NO_SESSION = 0

BATCH_SCHEMA = pa.schema(
    [
        ("event_time_ms", pa.int64()),
        ("event_id", pa.string()),
        ("user_id", pa.string()),
        ("item_id", pa.string()),
        ("session_id", pa.string()),
        ("kind", pa.int8()),
    ]
)
"""What `learn_many` needs, in order of (event_time_ms, event_id); `kind`: view, click, paid order line.

A broadcast's end or beginning is another kind, which says something in a room only."""

ROOM_SCHEMA = BATCH_SCHEMA.append(pa.field("room_id", pa.string()))
"""The same with the live room of each event, null outside of rooms, which `learn_many` may be given too."""


class Events(NamedTuple):
    """One array a column; `user`, `item` and `room` are rows of the id tables, -1 where there is none."""

    time_ms: np.ndarray
    user: np.ndarray
    item: np.ndarray
    session: np.ndarray
    kind: np.ndarray
    room: np.ndarray


def read_batch(batch: pa.RecordBatch, users: Identity, items: Identity, rooms: Identity) -> Events:
    """The batch in dense numbers; new users, items and rooms are added to their tables."""
    kinds = batch.column("kind").to_numpy()
    if len(kinds) and not VIEW <= kinds.min() <= kinds.max() <= STARTED:
        raise UsageError(f"learn_many: kinds are {VIEW} to {STARTED}, got {kinds.min()}..{kinds.max()}")
    return Events(
        batch.column("event_time_ms").to_numpy(),
        users.intern(batch.column("user_id")),
        items.intern(batch.column("item_id")),
        _session_keys(batch.column("session_id")),
        kinds,
        _rooms(batch, rooms),
    )


def _rooms(batch: pa.RecordBatch, rooms: Identity) -> np.ndarray:
    if "room_id" not in batch.schema.names:
        return np.full(batch.num_rows, -1, np.int32)
    return rooms.intern(batch.column("room_id"))


def _session_keys(column: pa.Array) -> np.ndarray:
    """A positive number a session, `NO_SESSION` for null; they are only compared within one user.

    Two sessions of the same user share a key once in 4 billion.
    """
    if column.null_count == len(column):
        return np.zeros(len(column), np.int64)
    encoded = column.dictionary_encode()
    keys = [1 + zlib.crc32(name.encode()) for name in encoded.dictionary.to_pylist()]
    codes = encoded.indices.fill_null(len(keys)).to_numpy(zero_copy_only=False)
    return np.array([*keys, NO_SESSION], np.int64)[codes]
