"""One shard of orders in the pipeline: what the order book says goes to figures, credits and Redis."""

from collections.abc import Iterator
from typing import Any

from schemas.keys import US, Version, pack, reconciliation_key
from transforms.orders.book import OrderBook, OrderEffects
from transforms.pieces import BEFORE_ALL_MS, LowWatermark, Piece, Progress
from transforms.publish import PublisherFactory
from transforms.routing import sent
from transforms.shards import Output


class OrderShard:
    """Absorbs order events; sends counts to cells and lines to attribution, publishes open points."""

    def __init__(
        self, key: int, shards: int, horizon_ms: int, lateness_ms: int, open_publisher: PublisherFactory, namespace: str
    ) -> None:
        self._key, self._shards, self._lateness_ms, self._namespace = key, shards, lateness_ms, namespace
        self._book, self._low = OrderBook(horizon_ms), LowWatermark()
        self._publisher, self._muted, self._absorbed = open_publisher(), False, 0

    def absorb(self, piece: Piece) -> Iterator[Output]:
        """Take one batch of order events."""
        watermark = self._low.observe(piece.progress)
        effects = self._book.absorb(piece.batch)
        self._absorbed += piece.batch.num_rows
        self._publish(effects)
        if watermark > BEFORE_ALL_MS:
            self._book.forget(watermark - self._lateness_ms)
        shards = self._shards
        told = Progress(shards + self._key, 3 * shards, piece.progress.sequence, watermark)
        figures = (effects.counts, effects.by_order_time)
        yield from sent("lines", (effects.lines,), "user", shards, told._replace(senders=2 * shards), piece.urgent)
        yield from sent("cells", figures, "id", shards, told, piece.urgent)

    def _publish(self, effects: OrderEffects) -> None:
        if self._muted or not effects.reconciliation.num_rows:
            return
        for row in effects.reconciliation.to_pylist():
            version = Version(self._publisher.epoch(), row["event_time_ms"], self._absorbed)
            field = US.join((row["kind"], row["order_id"], row["item_id"]))
            value = pack(version, [row["amount_minor"], row["event_time_ms"]])
            self._publisher.set_newer(reconciliation_key(self._namespace, row["order_id"]), [field], [value])
        self._publisher.flush()

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {"book": self._book.state(), "low": self._low, "absorbed": self._absorbed}

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self._book.load(state["book"])
        self._low, self._absorbed = state["low"], state["absorbed"]

    def mute(self, muted: bool) -> None:
        """While muted, absorb without publishing."""
        self._muted = muted
