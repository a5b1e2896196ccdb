"""One shard of users in the pipeline: touches and order lines in, credit to cells and credit records out."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from schemas.keys import BUCKETS, US, Version, bucket, credit_key, pack_version
from transforms.attribution.book import AttributionWindow, CreditBook
from transforms.pacing import Pace
from transforms.pieces import BEFORE_ALL_MS, IDLE, LowWatermark, Piece, Progress
from transforms.publish import Grouped, PublisherFactory
from transforms.routing import sent
from transforms.shards import Output

_ENCODE: Final = msgspec.msgpack.Encoder().encode


class AttributionShard:
    """Credits lines as touches and lines come in; publishes credit records at its pace."""

    def __init__(
        self,
        key: int,
        shards: int,
        window: AttributionWindow,
        order_horizon_ms: int,
        lateness_ms: int,
        open_publisher: PublisherFactory,
        namespace: str,
        pace: Callable[[], Pace],
    ) -> None:
        self._key, self._shards, self._lateness_ms, self._namespace = key, shards, lateness_ms, namespace
        self._book = CreditBook(window, order_horizon_ms)
        self._low = LowWatermark()
        self._publisher, self._pace = open_publisher(), pace()
        self._muted, self._absorbed = False, 0

    def absorb(self, piece: Piece) -> Iterator[Output]:
        """Take the lines and touches of one piece; figures ride along."""
        watermark = self._low.observe(piece.progress)
        lines, touches, *figures = piece.batches
        self._book.absorb_touches(touches)
        self._book.absorb_lines(lines)
        self._absorbed += touches.num_rows + lines.num_rows
        credit = self._book.settle()
        if watermark > BEFORE_ALL_MS:
            self._book.forget(watermark - self._lateness_ms)
        if not self._muted and self._pace.is_due(piece.urgent >= IDLE):
            self._publish(watermark)
        batches = [*figures, credit]
        told = Progress(self._key, self._shards, piece.progress.sequence, watermark)
        yield from sent("figures", batches, ["id"] * len(batches), self._shards, told, piece.urgent)

    def _publish(self, watermark: int) -> None:
        version = pack_version(Version(self._publisher.epoch(), max(watermark, 0), self._absorbed))
        records = Grouped()
        keys = [credit_key(self._namespace, number) for number in range(BUCKETS)]
        for order_id, item_id, body in self._book.take_credits():
            records.put(keys[bucket(order_id)], f"{order_id}{US}{item_id}", version + _ENCODE(body))
        records.write_newer(self._publisher)
        self._publisher.flush()

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {"book": self._book.state(), "low": self._low, "absorbed": self._absorbed}

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`; its credit records are published again."""
        self._book.load(state["book"])
        self._low, self._absorbed = state["low"], state["absorbed"]

    def mute(self, muted: bool) -> None:
        """While muted, absorb without publishing."""
        self._muted = muted
