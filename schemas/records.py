"""Records stored whole in Redis (not cells): credits of order lines, coupons and their lifts, weights, dead letters.

Arrays, not maps, so that a record costs no field names; the encoding is MessagePack.

>>> record = CreditRecord(5, 100, 1_000_000, ["e1"], ["coupon\\x1fc9"], [60_000], [1])
>>> decode_credit(encode(record)) == record
True
"""

import msgspec


class CreditRecord(msgspec.Struct, array_like=True, frozen=True):
    """An order line and the touches that any attribution window may credit, in order of time, column by column.

    Who got how much follows from it (`schemas.credit_shares`). `channels` are kind US id, `ages_ms` how long before the
    payment each touch was, `flags` sums of those in `schemas.attribution`. No touches: the line is `direct`.
    """

    pay_time_ms: int
    net_minor: int
    micro_orders: int
    event_ids: list[str]
    channels: list[str]
    ages_ms: list[int]
    flags: list[int]


class CouponRecord(msgspec.Struct, array_like=True, frozen=True):
    """A coupon's life as its events and exposures tell it; None where no event has said.

    `spent` exposures were paid for, `over_delivered` came after what was bought or after `valid_to`.
    """

    status: str
    bought: int | None
    spent: int
    over_delivered: int
    cost_minor: int | None
    valid_from_ms: int | None
    valid_to_ms: int | None
    creator_id: str | None
    task_id: str | None
    holdout_share: float | None
    granted_at_ms: int | None
    activated_at_ms: int | None


class IncrementalityRecord(msgspec.Struct, array_like=True, frozen=True):
    """What a coupon with a hold-out caused; None where there is nothing to divide by, or too few users for an interval.

    The lift is in minor units a user exposed, with its 95 % confidence sequence; the share is of what was attributed.
    """

    holdout_share: float
    exposed: int
    held_out: int
    lift_minor_per_user: float | None
    ci_low: float | None
    ci_high: float | None
    incremental_gmv_minor: int | None
    cost_minor: int | None
    incremental_roi: float | None
    attributed_minor: int
    would_have_come_share: float | None


class PathWeightsRecord(msgspec.Struct, array_like=True, frozen=True):
    """What each node of paths (`schemas.path_nodes`) weighs by the end of one day, model by model."""

    markov: list[int]
    shapley: list[int]


class DeadLetterRecord(msgspec.Struct, array_like=True, frozen=True):
    """One refused input with its bytes as they came; times in UTC milliseconds."""

    event_id: str | None
    rule: str
    detail: str
    raw: bytes
    event_time_ms: int | None
    ingested_at_ms: int | None


_ENCODER = msgspec.msgpack.Encoder()
_CREDIT = msgspec.msgpack.Decoder(CreditRecord)
_COUPON = msgspec.msgpack.Decoder(CouponRecord)
_INCREMENTALITY = msgspec.msgpack.Decoder(IncrementalityRecord)
_PATH_WEIGHTS = msgspec.msgpack.Decoder(PathWeightsRecord)
_DEAD_LETTER = msgspec.msgpack.Decoder(DeadLetterRecord)


def encode(record: msgspec.Struct) -> bytes:
    """Return a record's stored bytes, without a version."""
    return _ENCODER.encode(record)


def decode_credit(body: bytes) -> CreditRecord:
    """Read a credit record back."""
    return _CREDIT.decode(body)


def decode_coupon(body: bytes) -> CouponRecord:
    """Read a coupon back."""
    return _COUPON.decode(body)


def decode_incrementality(body: bytes) -> IncrementalityRecord:
    """Read what a coupon caused back."""
    return _INCREMENTALITY.decode(body)


def decode_path_weights(body: bytes) -> PathWeightsRecord:
    """Read a day's weights back."""
    return _PATH_WEIGHTS.decode(body)


def decode_dead_letter(body: bytes) -> DeadLetterRecord:
    """Read a dead letter back."""
    return _DEAD_LETTER.decode(body)
