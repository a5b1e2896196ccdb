"""`reconciliation.parquet`: refunds that the orders do not explain."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pyarrow as pa

from schemas.events import TIMESTAMP
from schemas.keys import BUCKETS, US, VERSION_BYTES
from schemas.outputs import EXPORTS
from serving.access import Store, read_hashes
from serving.cells import damage
from serving.tables.order import ordered

_UNSETTLED = msgspec.msgpack.Decoder(tuple[int, int])
Row = tuple[Any, ...]


def reconciliation_table(store: Store) -> pa.Table:
    """Return the refunds that found no line or exceed it; settled ones (amount 0) are left out."""
    with damage():
        return _table("reconciliation", _unsettled_rows(_fields(store, "x")))


def _fields(store: Store, kind: str) -> Iterator[tuple[list[str], bytes]]:
    """Yield the ids and the body of every record in the buckets of one kind."""
    keys = [f"{store.namespace}:{{{kind}:{number}}}" for number in range(BUCKETS)]
    for records in read_hashes(store, keys):
        for field, value in records.items():
            yield field.decode().split(US), value[VERSION_BYTES:]


def _unsettled_rows(fields: Iterable[tuple[list[str], bytes]]) -> Iterator[Row]:
    for (kind, order_id, item_id), body in fields:
        amount_minor, event_time_ms = _UNSETTLED.decode(body)
        if amount_minor:
            yield kind, order_id, item_id, amount_minor, event_time_ms


def _table(name: str, rows: Iterable[Row]) -> pa.Table:
    schema = EXPORTS[name]
    columns = list(zip(*rows, strict=True)) or [() for _ in schema]
    arrays = [_array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return ordered(pa.Table.from_arrays(arrays, schema=schema))


def _array(values: tuple[Any, ...], kind: pa.DataType) -> pa.Array:
    return pa.array(values, pa.int64()).cast(TIMESTAMP) if kind == TIMESTAMP else pa.array(values, kind)
