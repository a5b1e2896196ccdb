"""One shard of users in the pipeline: touches and order lines in, credit to cells and credit records out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
import pyarrow as pa

from schemas.keys import BUCKETS, US, Version, bucket, credit_key, pack_version
from transforms.attribution.book import CreditBody, CreditBook
from transforms.pacing import Pace
from transforms.pieces import BEFORE_ALL_MS, IDLE, LowWatermark, Piece, Progress
from transforms.publish import Grouped, Outlet, PublisherFactory
from transforms.shards import Output

_ENCODE: Final = msgspec.msgpack.Encoder().encode


class AttributionShard:
    """Credits lines as touches and lines come in; publishes credit records at its pace."""

    def __init__(
        self,
        key: int,
        shards: int,
        windows: Sequence[str],
        order_horizon_ms: int,
        lateness_ms: int,
        open_publisher: PublisherFactory,
        namespace: str,
        pace: Callable[[], Pace],
        further: tuple[str, ...] = (),
    ) -> None:
        """`windows` are the attribution windows, none where nothing is credited; `further` the further channels."""
        self._key, self._shards, self._lateness_ms, self._namespace = key, shards, lateness_ms, namespace
        self._book = CreditBook(order_horizon_ms, windows, further) if windows else None
        self._low = LowWatermark()
        self._outlet, self._pace = Outlet(open_publisher()), pace()
        self._muted, self._absorbed, self._watermark_ms = False, 0, BEFORE_ALL_MS
        self._keys = [credit_key(namespace, number) for number in range(BUCKETS)]

    def absorb(self, piece: Piece) -> Iterator[Output]:
        """Take the lines and touches of one piece; figures ride along."""
        watermark = self._low.observe(piece)
        lines, touches, *figures = piece.batches
        if self._book is not None:
            figures += self._credited(self._book, lines, touches, watermark)
            if not self._muted and self._pace.is_due(piece.urgent >= IDLE):
                self._publish(watermark)
        told = Progress(self._key, self._shards, piece.progress.sequence, watermark)
        yield "figures", (0, Piece(told, tuple(figures), piece.urgent))

    def _credited(
        self, book: CreditBook, lines: pa.RecordBatch, touches: pa.RecordBatch, watermark: int
    ) -> list[pa.RecordBatch]:
        """Let the book take lines and touches; return what channels gain and lose."""
        book.absorb_touches(touches)
        book.absorb_lines(lines)
        self._absorbed += touches.num_rows + lines.num_rows
        credit = book.settle()
        if watermark > BEFORE_ALL_MS:
            self._forget(book, watermark)
        return credit

    def logged(self, piece: Piece) -> Piece:
        """Return lines and touches: the figures only ride along."""
        return Piece(piece.progress, piece.batches[:2], piece.urgent)

    def _publish(self, watermark: int) -> None:
        publisher, self._watermark_ms = self._outlet.publisher, watermark
        if self._book is not None:
            self._records(self._book.take_credits(), watermark).write_newer(publisher)
        publisher.flush()

    def _records(self, credits: Iterable[tuple[str, str, CreditBody]], watermark: int) -> Grouped:
        version = pack_version(Version(self._outlet.publisher.epoch(), max(watermark, 0), self._absorbed))
        records = Grouped()
        for order_id, item_id, body in credits:
            key = self._keys[bucket(order_id)]
            records.put(key, f"{order_id}{US}{item_id}", version + _ENCODE(body))
        return records

    def _forget(self, book: CreditBook, watermark: int) -> None:
        """Let go of what nothing can change any more; its credit records stay published."""
        gone = book.forget(watermark - self._lateness_ms)
        if gone and not self._muted:
            self._records(gone, watermark).keep_in(self._outlet.finals)

    def outlet(self) -> Outlet:
        """Return what it publishes through."""
        return self._outlet

    def republish(self) -> None:
        """Publish every credit record held."""
        if self._book is not None:
            self._book.unpublish()
        self._publish(self._watermark_ms)

    def strays(self) -> None:
        """Nothing depends on the order of arrival."""

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {
            "book": self._book.state() if self._book is not None else {},
            "low": self._low,
            "absorbed": self._absorbed,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`; its credit records are published again."""
        if self._book is not None:
            self._book.load(state["book"])
        self._low, self._absorbed = state["low"], state["absorbed"]

    def mute(self, muted: bool) -> None:
        """While muted, absorb without publishing."""
        self._muted = muted
