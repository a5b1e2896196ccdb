"""The life of every traffic coupon, and what coupons and ad plans cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from schemas.keys import BUCKETS, VERSION_BYTES, bucket, coupon_key, plan_key
from schemas.records import CouponRecord, decode_coupon
from serving.access import Store, read_each, read_hashes
from serving.cells import damage

_COST = msgspec.msgpack.Decoder(tuple[int])


@dataclass(frozen=True)
class Coupon:
    """One coupon: what was bought, spent and delivered beyond that; times in UTC milliseconds."""

    coupon_id: str
    record: CouponRecord


def read_coupons(store: Store, identifiers: Sequence[str] | None = None) -> list[Coupon]:
    """Return these coupons, or all, by id; unknown ones are left out. Costs one read a coupon, or a bucket."""
    if identifiers is None:
        return sorted(_all(store), key=lambda coupon: coupon.coupon_id)
    wanted = sorted(set(identifiers))
    values = read_each(store, [("HGET", coupon_key(store.namespace, bucket(each)), each) for each in wanted])
    with damage():
        return [
            Coupon(each, decode_coupon(value[VERSION_BYTES:]))
            for each, value in zip(wanted, values, strict=True)
            if value
        ]


def _all(store: Store) -> Iterator[Coupon]:
    for held in read_hashes(store, [coupon_key(store.namespace, number) for number in range(BUCKETS)]):
        with damage():
            yield from (
                Coupon(each.decode(), decode_coupon(value[VERSION_BYTES:])) for each, value in held.items()
            )


def read_costs(store: Store, channel: str, identifiers: Sequence[str]) -> dict[str, int]:
    """Return what coupons or ad plans cost, as far as it is known; nothing else has a cost."""
    if channel == "coupon":
        costs = ((coupon.coupon_id, coupon.record.cost_minor) for coupon in read_coupons(store, identifiers))
        return {each: cost for each, cost in costs if cost is not None}
    if channel != "ad_plan":
        return {}
    wanted = sorted(set(identifiers))
    values = read_each(store, [("HGET", plan_key(store.namespace, bucket(each)), each) for each in wanted])
    with damage():
        return {
            each: _COST.decode(value[VERSION_BYTES:])[0]
            for each, value in zip(wanted, values, strict=True)
            if value
        }
