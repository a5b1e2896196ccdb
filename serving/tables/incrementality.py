"""`incrementality.parquet`: what every coupon with a hold-out caused, as of one watermark."""

import pyarrow as pa

from schemas.events import TIMESTAMP
from schemas.outputs import EXPORTS
from serving.access import Store
from serving.incrementality import read_incrementality
from serving.job import read_job
from serving.tables.order import ordered


def incrementality_table(store: Store) -> pa.Table:
    """Return the lift of every coupon that has a hold-out."""
    schema, lifts = EXPORTS["incrementality"], read_incrementality(store)
    watermark_ms = read_job(store).as_of_ms
    columns = {
        "coupon_id": pa.array([lift.coupon_id for lift in lifts], pa.string()),
        "watermark": pa.array([watermark_ms] * len(lifts), pa.int64()).cast(TIMESTAMP),
    }
    for field in schema:
        if field.name not in columns:
            columns[field.name] = pa.array([getattr(lift.record, field.name) for lift in lifts], field.type)
    return ordered(pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema))
