"""`deadletters.parquet`: every refused input with its bytes as they came."""

import pyarrow as pa

from schemas.events import TIMESTAMP
from schemas.outputs import EXPORTS
from serving.access import Store
from serving.deadletters import read_dead_letters, read_reasons
from serving.tables.order import ordered


def dead_letters_table(store: Store) -> pa.Table:
    """Return the dead letters of all reasons."""
    letters = [letter for reason in read_reasons(store) for letter in read_dead_letters(store, reason)]
    records = [letter.record for letter in letters]
    columns = {
        "event_id": pa.array([record.event_id for record in records], pa.string()),
        "reason": pa.array([letter.reason for letter in letters], pa.string()),
        "rule": pa.array([record.rule for record in records], pa.string()),
        "detail": pa.array([record.detail for record in records], pa.string()),
        "raw": pa.array([record.raw for record in records], pa.binary()),
        "event_time": pa.array([record.event_time_ms for record in records], pa.int64()).cast(TIMESTAMP),
        "ingested_at": pa.array([record.ingested_at_ms for record in records], pa.int64()).cast(TIMESTAMP),
    }
    return ordered(pa.table(columns, schema=EXPORTS["deadletters"]))
