"""One shard of orders in the pipeline: what the order book says goes to figures, credits and Redis."""

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from schemas.keys import US, Version, bucket, pack, reconciliation_key
from transforms.orders.book import OrderBook
from transforms.orders.log import OrderLog
from transforms.pacing import Pace
from transforms.pieces import BEFORE_ALL_MS, IDLE, LowWatermark, Piece, Progress
from transforms.publish import Grouped, Outlet, PublisherFactory, Strays
from transforms.routing import sent, shard_of
from transforms.shards import Output


class OrderShard:
    """Absorbs order events; sends lines, counts and what rides along to attribution, publishes open points."""

    def __init__(
        self,
        key: int,
        shards: int,
        horizon_ms: int,
        lateness_ms: int,
        open_publisher: PublisherFactory,
        namespace: str,
        pace: Callable[[], Pace],
    ) -> None:
        self._key, self._shards, self._lateness_ms, self._namespace = key, shards, lateness_ms, namespace
        self._book, self._low = OrderBook(horizon_ms, lateness_ms), LowWatermark()
        self._outlet, self._muted, self._absorbed = Outlet(open_publisher()), False, 0
        self._pace, self._points, self._log = pace(), Grouped(), OrderLog(namespace, key)

    def absorb(self, piece: Piece) -> Iterator[Output]:
        """Take one batch of order events and one of live events."""
        watermark = self._low.observe(piece)
        orders, facts, *riding = piece.batches
        effects = self._book.absorb(orders, facts)
        self._absorbed += orders.num_rows
        self._hold(effects.reconciliation)
        self._log.take(orders)
        if not self._muted and self._pace.is_due(piece.urgent >= IDLE):
            self.publish()
        if watermark > BEFORE_ALL_MS:
            self._book.forget(watermark - self._lateness_ms)
        batches = [effects.lines, facts, *riding, effects.counts, effects.by_order_time]
        keys = ["user", None, *("user" for _ in riding[:3]), *(None for _ in [*riding[3:], *batches[-2:]])]
        told = Progress(self._key, self._shards, piece.progress.sequence, watermark)
        yield from sent("lines", batches, keys, self._shards, told, piece.urgent)

    def logged(self, piece: Piece) -> Piece:
        """Return orders and facts: what rides along is not for this step."""
        return Piece(piece.progress, piece.batches[:2], piece.urgent)

    def publish(self) -> None:
        """Write what is held."""
        self._points.write_newer(self._outlet.publisher)
        self._log.write(self._outlet.publisher, self._outlet.finals)
        self._outlet.publisher.flush()

    def outlet(self) -> Outlet:
        """Return what it publishes through."""
        return self._outlet

    def republish(self) -> None:
        """Nothing is held: open points are archived as they come."""

    def _hold(self, open_points: pa.RecordBatch) -> None:
        """Hold open points until they are written; muted too, since a worker that died may not have come to it."""
        if not open_points.num_rows:
            return
        epoch = self._outlet.publisher.epoch()
        for kind, order_id, item_id, amount, time in zip(*open_points.to_pydict().values(), strict=True):
            value = pack(Version(epoch, time, self._absorbed), [amount, time])
            key = reconciliation_key(self._namespace, bucket(order_id))
            field = US.join((kind, order_id, item_id))
            self._points.put(key, field, value)
            if not self._muted:
                self._outlet.finals.put(key, [field.encode()], [value])

    def strays(self) -> Strays:
        """Return this shard's open points: a refund is an orphan until its payment comes."""

        def owns(_key: str, field: str) -> bool:
            return shard_of(field.split(US)[1], self._shards) == self._key

        return Strays(("x",), owns, self._absorbed)

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot; what waits to be written is written first."""
        self.publish()
        return {
            "book": self._book.state(),
            "low": self._low,
            "absorbed": self._absorbed,
            "log": self._log.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self._book.load(state["book"])
        self._low, self._absorbed = state["low"], state["absorbed"]
        self._log.load(state["log"])

    def mute(self, muted: bool) -> None:
        """While muted, absorb without publishing."""
        self._muted = muted
