"""`coupons.parquet`: what became of every traffic coupon."""

import pyarrow as pa

from schemas.events import TIMESTAMP
from schemas.outputs import EXPORTS
from serving.access import Store
from serving.coupons import read_coupons
from serving.tables.order import ordered


def coupons_table(store: Store) -> pa.Table:
    """Return every coupon that an event or an exposure told of."""
    schema = EXPORTS["coupons"]
    columns: dict[str, list[object]] = {name: [] for name in schema.names}
    for coupon in read_coupons(store):
        columns["coupon_id"].append(coupon.coupon_id)
        for name in schema.names[1:]:
            is_time = schema.field(name).type == TIMESTAMP
            columns[name].append(getattr(coupon.record, f"{name}_ms" if is_time else name))
    arrays = [
        pa.array(columns[field.name], pa.int64()).cast(TIMESTAMP)
        if field.type == TIMESTAMP
        else pa.array(columns[field.name], field.type)
        for field in schema
    ]
    return ordered(pa.Table.from_arrays(arrays, schema=schema))
