"""One shard of users in the pipeline: touches, payments and order lines in; credit, customers and coupons' effects out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from schemas.keys import BUCKETS, US, Version, bucket, credit_key, pack_version
from transforms import views
from transforms.attribution.book import CreditBody, CreditBook
from transforms.attribution.coupon_users import CouponUsers
from transforms.attribution.user_paths import UserPaths
from transforms.customers.book import CustomerBook
from transforms.customers.journeys import JourneyBook
from transforms.pacing import Pace
from transforms.pieces import BEFORE_ALL_MS, IDLE, LowWatermark, Piece, Progress
from transforms.publish import Grouped, Outlet, PublisherFactory
from transforms.shards import Output

_OWN: Final = 6
"""So many batches of a piece are for this step: lines, facts, touches, payments, exposures and coupon events."""
_ENCODE: Final = msgspec.msgpack.Encoder().encode


class AttributionShard:
    """Credits lines as touches and lines come in, and says who is a new customer and who has come how far.

    Credit records are published at its pace; all else goes to the figures.
    """

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
        timezone: str = "UTC",
    ) -> None:
        """`windows` are the attribution windows, none where nothing is credited; `further` the further channels."""
        self._key, self._shards, self._lateness_ms, self._namespace = key, shards, lateness_ms, namespace
        self._book = CreditBook(order_horizon_ms, windows, further) if windows else None
        self._paths, self._arms = UserPaths(timezone, windows), CouponUsers(2 * order_horizon_ms)
        self._customers, self._journeys = CustomerBook(order_horizon_ms, lateness_ms), JourneyBook()
        self._low = LowWatermark()
        self._outlet, self._pace = Outlet(open_publisher()), pace()
        self._muted, self._absorbed, self._watermark_ms = False, 0, BEFORE_ALL_MS
        self._keys = [credit_key(namespace, number) for number in range(BUCKETS)]

    def absorb(self, piece: Piece) -> Iterator[Output]:
        """Take the lines of one piece and what their users did; figures ride along."""
        watermark = self._low.observe(piece)
        lines, facts, touches, payments, exposures, coupon_events = piece.batches[:_OWN]
        # Every shard was told all facts and coupon events; figures need them once.
        told = [batch if self._key == 0 else batch.slice(0, 0) for batch in (facts, coupon_events)]
        figures = [*told, *piece.batches[_OWN:]]
        figures += [self._customers.absorb(payments, facts), self._journeys.absorb(touches, payments)]
        if self._book is not None:
            own = (lines, touches, payments, exposures, coupon_events)
            figures += self._credited(self._book, own, watermark)
        if watermark > BEFORE_ALL_MS:
            self._customers.forget(watermark - self._lateness_ms)
        if self._book is not None and not self._muted and self._pace.is_due(piece.urgent >= IDLE):
            self._publish(watermark)
        progress = Progress(self._key, self._shards, piece.progress.sequence, watermark)
        yield "figures", (0, Piece(progress, tuple(figures), piece.urgent))

    def _credited(
        self, book: CreditBook, batches: tuple[pa.RecordBatch, ...], watermark: int
    ) -> list[pa.RecordBatch]:
        """Let all books take what is theirs; return what channels gain and lose, of paths, and of coupons' arms."""
        lines, touches, payments, exposures, coupon_events = batches
        book.absorb_touches(touches)
        book.absorb_lines(lines)
        book.tell_customers(*self._customers.take_judged(views.numbers(lines["line"], np.uint64)))
        self._absorbed += touches.num_rows + lines.num_rows
        credit = book.settle(self._paths.hear, self._arms.spent)
        credit += self._paths.take(touches, payments, book.origins)
        credit.append(self._arms.take(exposures, coupon_events))
        if watermark > BEFORE_ALL_MS:
            self._forget(book, watermark)
            self._paths.settle(watermark - self._lateness_ms)
            self._arms.settle(watermark - self._lateness_ms)
        return credit

    def logged(self, piece: Piece) -> Piece:
        """Return all but the figures, which only ride along."""
        return Piece(piece.progress, piece.batches[:_OWN], piece.urgent)

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
            "book": self._book.state() if self._book is not None else {}, "paths": self._paths.state(),
            "arms": self._arms.state(), "customers": self._customers.state(), "journeys": self._journeys.state(),
            "low": self._low, "absorbed": self._absorbed,
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`; its credit records are published again."""
        if self._book is not None:
            self._book.load(state["book"])
        self._paths.load(state["paths"])
        self._arms.load(state["arms"])
        self._customers.load(state["customers"])
        self._journeys.load(state["journeys"])
        self._low, self._absorbed = state["low"], state["absorbed"]

    def mute(self, muted: bool) -> None:
        """While muted, absorb without publishing."""
        self._muted = muted
