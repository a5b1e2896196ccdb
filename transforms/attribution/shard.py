"""One shard of users in the pipeline: touches and order lines in, credit to cells and credit records out."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from schemas.keys import US, Version, credit_key, pack_version
from schemas.records import encode
from transforms.attribution.book import AttributionWindow, CreditBook
from transforms.pacing import Pace
from transforms.pieces import BEFORE_ALL_MS, Alignment, LowWatermark, Piece, Progress
from transforms.publish import Publisher, PublisherFactory
from transforms.routing import sent
from transforms.shards import Output

_FIELDS_A_WRITE: Final = 500


class AttributionShard:
    """Credits lines when touches and lines of the same pieces are in; publishes records at its pace."""

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
        self._low, self._alignment = LowWatermark(), Alignment(comparable=shards == 1)
        self._publisher, self._pace = open_publisher(), pace()
        self._muted, self._absorbed, self._sent = False, 0, 0

    def absorb(self, piece: Piece) -> Iterator[Output]:
        """Take touches or lines of one piece."""
        watermark = self._low.observe(piece.progress)
        if "click" in piece.batch.schema.names:
            self._book.absorb_touches(piece.batch)
        else:
            self._book.absorb_lines(piece.batch)
        self._absorbed += piece.batch.num_rows
        if not self._alignment.observe(piece.progress):
            return
        credit = self._book.settle()
        if watermark > BEFORE_ALL_MS:
            self._book.forget(watermark - self._lateness_ms)
        if not self._muted and self._pace.is_due(piece.urgent):
            self._publish(watermark)
        self._sent += 1
        sequence = piece.progress.sequence if self._shards == 1 else self._sent
        told = Progress(2 * self._shards + self._key, 3 * self._shards, sequence, watermark)
        yield from sent("cells", (credit,), "id", self._shards, told, piece.urgent)

    def _publish(self, watermark: int) -> None:
        version = pack_version(Version(self._publisher.epoch(), max(watermark, 0), self._absorbed))
        buckets: dict[str, tuple[list[str], list[bytes]]] = {}
        for order_id, item_id, record in self._book.take_credits():
            key = credit_key(self._namespace, order_id)
            fields, values = buckets.setdefault(key, ([], []))
            fields.append(f"{order_id}{US}{item_id}")
            values.append(version + encode(record))
        _write(self._publisher, buckets)

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {
            "book": self._book.state(), "low": self._low, "alignment": self._alignment,
            "absorbed": self._absorbed, "sent": self._sent,
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`; its credit records are published again."""
        self._book.load(state["book"])
        self._low, self._alignment = state["low"], state["alignment"]
        self._absorbed, self._sent = state["absorbed"], state["sent"]

    def mute(self, muted: bool) -> None:
        """While muted, absorb without publishing."""
        self._muted = muted


def _write(publisher: Publisher, buckets: dict[str, tuple[list[str], list[bytes]]]) -> None:
    for key, (fields, values) in buckets.items():
        for begin in range(0, len(fields), _FIELDS_A_WRITE):
            end = begin + _FIELDS_A_WRITE
            publisher.set_newer(key, fields[begin:end], values[begin:end])
    publisher.flush()
