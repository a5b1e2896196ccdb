"""`OrderLog`: every order event that counted, published as it came, so that any figure can be traced to its orders.

Figures are sums; `explain` needs what was summed. Events wait for the next write and are then one value of all
their columns: a few bytes an event, no step an event. A stretch of the job that is run again may write some of
them a second time in other company; whoever reads keeps one of each `event_id`.
"""

from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from schemas.keys import Version, order_log_key, pack_version
from schemas.metrics import SCOPES
from transforms.archive import Finals
from transforms.publish import Publisher

COLUMNS: Final = ("event_id", "order_id", "item_id", "status", "event_time_ms", "amount_minor")
_OPTIONS: Final = pa.ipc.IpcWriteOptions(compression="zstd")


class OrderLog:
    """What one shard of orders has still to write down."""

    def __init__(self, namespace: str, shard: int) -> None:
        self._key, self._waiting = order_log_key(namespace, shard), list[pa.RecordBatch]()
        self._written = 0

    def take(self, orders: pa.RecordBatch) -> None:
        """Hold a batch of order events."""
        if orders.num_rows:
            self._waiting.append(orders.select(_held_columns(orders.schema.names)))

    def write(self, publisher: Publisher, finals: Finals | None) -> None:
        """Write what is held, and archive it: nothing else remembers it."""
        if not self._waiting:
            return
        held = pa.Table.from_batches(self._waiting).combine_chunks().to_batches()[0]
        self._waiting = []
        version = pack_version(Version(publisher.epoch(), 0, self._written))
        field, value = b"%d" % self._written, version + packed(held)
        self._written += held.num_rows
        publisher.set_newer(self._key, [field], [value])
        if finals is not None:
            finals.put(self._key, [field], [value])

    def state(self) -> int:
        """Return how many events were written; what waits must have been written before."""
        return self._written

    def load(self, written: int) -> None:
        """Go on after so many events."""
        self._written, self._waiting = written, []


def packed(orders: pa.RecordBatch) -> bytes:
    """Return a batch as a compressed Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, orders.schema, options=_OPTIONS) as writer:
        writer.write_batch(orders)
    return sink.getvalue().to_pybytes()


def _held_columns(names: Sequence[str]) -> list[str]:
    """Return what is written down of an event; of base and fact channel it does not know the last word."""
    scopes = (f"scope_{scope}" for scope in SCOPES if scope not in ("base", "fact_channel"))
    return [*COLUMNS, *(name for name in scopes if name in names)]
