"""A batch of events as a model's kernel takes it: dense numbers, one array a column."""

import zlib
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from online_models.identity import Identity
from schemas.errors import UsageError

VIEW, CLICK, ORDER = 0, 1, 2
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
"""What `learn_many` takes, in order of (event_time_ms, event_id); `kind`: view, click, paid order line."""


class Events(NamedTuple):
    """One array a column; `user` and `item` are rows of the id tables, -1 where there is none."""

    time_ms: np.ndarray
    user: np.ndarray
    item: np.ndarray
    session: np.ndarray
    kind: np.ndarray


def read_batch(batch: pa.RecordBatch, users: Identity, items: Identity) -> Events:
    """The batch in dense numbers; new users and items are added to their tables."""
    kinds = batch.column("kind").to_numpy()
    if len(kinds) and not VIEW <= kinds.min() <= kinds.max() <= ORDER:
        raise UsageError(f"learn_many: kinds are {VIEW} to {ORDER}, got {kinds.min()}..{kinds.max()}")
    return Events(
        batch.column("event_time_ms").to_numpy(),
        users.intern(batch.column("user_id")),
        items.intern(batch.column("item_id")),
        _session_keys(batch.column("session_id")),
        kinds,
    )


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
