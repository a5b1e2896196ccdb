"""What every coupon with a hold-out caused, beside what was attributed to it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schemas.keys import BUCKETS, VERSION_BYTES, bucket, incrementality_key
from schemas.records import IncrementalityRecord, decode_incrementality
from serving.access import Store, read_each, read_hashes
from serving.cells import damage


@dataclass(frozen=True)
class CouponLift:
    """One coupon: its lift a user with a confidence sequence, and what follows from it."""

    coupon_id: str
    record: IncrementalityRecord


def read_incrementality(store: Store, identifiers: Sequence[str] | None = None) -> list[CouponLift]:
    """Return what these coupons caused, or all, by id; those without a hold-out are left out.

    Costs one read a coupon, or a bucket.
    """
    if identifiers is None:
        return sorted(_all(store), key=lambda lift: lift.coupon_id)
    wanted = sorted(set(identifiers))
    name = store.namespace
    values = read_each(store, [("HGET", incrementality_key(name, bucket(each)), each) for each in wanted])
    with damage():
        return [
            CouponLift(each, decode_incrementality(value[VERSION_BYTES:]))
            for each, value in zip(wanted, values, strict=True)
            if value
        ]


def _all(store: Store) -> Iterator[CouponLift]:
    keys = [incrementality_key(store.namespace, number) for number in range(BUCKETS)]
    for held in read_hashes(store, keys):
        with damage():
            yield from (
                CouponLift(each.decode(), decode_incrementality(value[VERSION_BYTES:]))
                for each, value in held.items()
            )
