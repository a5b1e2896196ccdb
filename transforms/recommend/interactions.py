"""From accepted events to what the recommender learns from: impressions, clicks and paid order lines."""

from typing import Final

import numpy as np
import pyarrow as pa

VIEW: Final = 0
CLICK: Final = 1
PAID: Final = 2
_NONE: Final = -1


def interactions_of(events: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows to learn from: columns event_time_ms, event_id, user_id, item_id, session_id, kind."""
    kinds = _kinds(events)
    kept = pa.array(np.flatnonzero(kinds != _NONE))
    rows = events.select(["event_id", "user_id", "item_id", "session_id", "event_time"]).take(kept)
    return pa.record_batch(
        {
            "event_time_ms": rows["event_time"].view(pa.int64()),
            "event_id": rows["event_id"],
            "user_id": rows["user_id"],
            "item_id": rows["item_id"],
            "session_id": rows["session_id"],
            "kind": pa.array(kinds[kept.to_numpy()]),
        }
    )


def _kinds(events: pa.RecordBatch) -> np.ndarray:
    """Say what each event teaches; ghost exposures, entries without an item and unknown users teach nothing."""
    encoded = events["event_type"].dictionary_encode()
    of_type = {"view": VIEW, "click": CLICK, "order": PAID}
    codes = np.array([of_type.get(kind, _NONE) for kind in encoded.dictionary.to_pylist()], np.int8)
    kinds = codes[encoded.indices.to_numpy()] if len(events) else np.empty(0, np.int8)
    kinds[~_valid(events["item_id"]) | ~_valid(events["user_id"]) | _true(events["holdout"])] = _NONE
    kinds[(kinds == PAID) & ~_is(events["order_status"], "paid")] = _NONE
    return kinds


def _valid(column: pa.Array) -> np.ndarray:
    return column.is_valid().to_numpy(zero_copy_only=False)


def _true(column: pa.BooleanArray) -> np.ndarray:
    return column.fill_null(False).to_numpy(zero_copy_only=False)


def _is(column: pa.StringArray, value: str) -> np.ndarray:
    if column.null_count == len(column):
        return np.zeros(len(column), np.bool_)
    encoded = column.dictionary_encode(null_encoding="encode")
    matches = np.array([text == value for text in encoded.dictionary.to_pylist()])
    return matches[encoded.indices.to_numpy()]
