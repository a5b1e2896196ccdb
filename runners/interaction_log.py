"""Files of events as the log that a recommender is evaluated on: each event once, those that keep the rules."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from online_models.events import ROOM_SCHEMA
from runners.event_batches import EventBatches
from schemas.gate import ACCEPTED, compile_gate
from transforms.event_view import EventView
from transforms.io.folder import event_files
from transforms.recommend.interactions import interactions_of


def read_interactions(paths: Sequence[Path], currency: str) -> tuple[pa.Table, int]:
    """The views, clicks and paid lines of some files, and how many events were refused.

    Columns as the recommender learns them; of an event id that comes twice the first stands. Memory is
    that of all interactions.
    """
    gate, batches, refused = compile_gate(currency), EventBatches(), 0
    parts: list[pa.RecordBatch] = []
    for path in event_files(list(paths)):
        for batch in batches.read(path):
            good = gate.verdicts(batch) == ACCEPTED
            refused += int(len(good) - good.sum())
            parts.append(interactions_of(EventView(batch.filter(pa.array(good)))))
    return _once(parts), refused + sum(batches.unreadable.values())


def _once(parts: list[pa.RecordBatch]) -> pa.Table:
    table = pa.Table.from_batches(parts, ROOM_SCHEMA)
    numbered = table.append_column("row", pa.array(range(len(table)), pa.int64()))
    first = numbered.group_by("event_id").aggregate([("row", "min")])["row_min"]
    return table.take(first.combine_chunks().sort())
