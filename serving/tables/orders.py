"""`credits.parquet` and `reconciliation.parquet`: what is known of single order lines."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pyarrow as pa

from schemas.events import TIMESTAMP
from schemas.keys import BUCKETS, US, VERSION_BYTES
from schemas.metrics import ATTRIBUTION_WINDOWS
from schemas.outputs import EXPORTS
from schemas.records import decode_credit
from serving.access import Store, read_hashes
from serving.cells import damage
from serving.tables.order import ordered

_UNSETTLED = msgspec.msgpack.Decoder(tuple[int, int])
Row = tuple[Any, ...]


def credits_table(store: Store) -> pa.Table:
    """Return what each order line gave to whom under each model; shares of 0 are left out."""
    with damage():
        return _table("credits", _credit_rows(_fields(store, "c")))


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


def _credit_rows(fields: Iterable[tuple[list[str], bytes]]) -> Iterator[Row]:
    (attribution_window,) = ATTRIBUTION_WINDOWS
    for (order_id, item_id), body in fields:
        record = decode_credit(body)
        for model, shares in record.credits_minor.items():
            for (event_id, channel, identifier), share in zip(record.touches, shares, strict=True):
                if share:
                    yield order_id, item_id, model, attribution_window, channel, identifier, event_id, share


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
