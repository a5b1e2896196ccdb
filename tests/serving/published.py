"""A hand that writes into Redis what a pipeline would publish."""

import struct
from dataclasses import dataclass
from typing import Any

import msgspec
import redis

from schemas import keys
from schemas.features.layout import SUM, Catalogue, EntityLayout, Feature, Level, Request, encoded
from schemas.keys import (
    US,
    Version,
    attribution_key,
    bucket,
    coupon_key,
    credit_key,
    dead_letter_key,
    funnel_field,
    funnel_key,
    incrementality_key,
    job_key,
    metric_key,
    pack,
    pack_version,
    progress_key,
    reconciliation_key,
    touch_key,
    window_index_key,
)
from schemas.records import CouponRecord, CreditRecord, DeadLetterRecord, IncrementalityRecord, encode

VERSION = Version(1, 1_700_000_000_000, 42)


@dataclass
class Writer:
    """Puts values into Redis as the key layout says, one at a time."""

    client: redis.Redis
    namespace: str = "is"

    def cell(self, layer: str, scope: str, span: tuple[str, int], identifier: str, counts: list[int]) -> None:
        self._put(metric_key(self.namespace, layer, scope, *span), identifier, pack(VERSION, counts))
        self._index(*span)

    def credit(
        self,
        model: str,
        span: tuple[str, int],
        channel: tuple[str, str],
        counts: list[int],
        further: bool = False,
    ) -> None:
        key = attribution_key(self.namespace, model, "click_7d_view_1d", *span, further=further)
        self._put(key, US.join(channel), pack(VERSION, counts))
        self._index(*span)

    def touches(
        self,
        span: tuple[str, int],
        channel: tuple[str, str],
        count: int,
        further: bool = False,
        users: int = 0,
    ) -> None:
        self._put(
            touch_key(self.namespace, *span, further=further), US.join(channel), pack(VERSION, [count, users])
        )
        self._index(*span)

    def moved(
        self, span: tuple[str, int], category: str, step: tuple[str | None, str], counts: list[int]
    ) -> None:
        self._put(funnel_key(self.namespace, span[1]), funnel_field(category, step), pack(VERSION, counts))
        self._index(*span)

    def line(self, order_id: str, item_id: str, record: CreditRecord) -> None:
        value = pack_version(VERSION) + encode(record)
        self._put(credit_key(self.namespace, bucket(order_id)), f"{order_id}{US}{item_id}", value)

    def coupon(self, coupon_id: str, record: CouponRecord) -> None:
        key = coupon_key(self.namespace, bucket(coupon_id))
        self._put(key, coupon_id, pack_version(VERSION) + encode(record))

    def lift(self, coupon_id: str, record: IncrementalityRecord) -> None:
        key = incrementality_key(self.namespace, bucket(coupon_id))
        self._put(key, coupon_id, pack_version(VERSION) + encode(record))

    def unsettled(
        self, kind: str, order_id: str, item_id: str, amount_minor: int, event_time_ms: int
    ) -> None:
        value = pack(VERSION, [amount_minor, event_time_ms])
        self._put(
            reconciliation_key(self.namespace, bucket(order_id)), US.join((kind, order_id, item_id)), value
        )

    def refused(self, reason: str, digest: str, record: DeadLetterRecord) -> None:
        self._put(dead_letter_key(self.namespace, reason), digest, pack_version(VERSION) + encode(record))

    def feature(self, user: str, count: int) -> None:
        """Write a record with one tile of one minute, at minute 10, and the catalogue that says so."""
        feature = Feature(
            "v", "clicks", "5m", 300_000, 60_000, "count", (0,), fresh_ms=86_400_000, ttl_ms=86_400_000
        )
        layout = EntityLayout(
            ("user_id",),
            86_400_000,
            (Level(60_000, 6, (SUM,)),),
            requests=(Request(0, 0, 300_000),),
            features=(feature,),
        )
        tiles = bytes([1, 0, 2 * count])  # one tile, no gap to the newest event's, the count in zigzag
        record = struct.pack("<qqIII", 600_000, 0, len(tiles), 0, 0) + tiles
        self._put(keys.feature_key(self.namespace, "user_id", user), user, pack_version(VERSION) + record)
        told = keys.features_key(self.namespace)
        self._put(told, keys.CATALOGUE, pack_version(VERSION) + encoded(Catalogue((), (layout,))))
        self._put(told, keys.AS_OF, pack_version(VERSION) + msgspec.msgpack.encode(660_000))

    def job(self, **description: Any) -> None:
        self.client.hset(job_key(self.namespace), mapping=description)

    def progress(self, **progress: Any) -> None:
        self.client.hset(progress_key(self.namespace), mapping=progress)

    def _put(self, key: str, name: str, value: bytes) -> None:
        self.client.hset(key, name, value)

    def _index(self, window: str, start: int) -> None:
        self.client.zadd(window_index_key(self.namespace, window), {str(start): start})
