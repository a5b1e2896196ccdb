"""Records stored whole in Redis (not cells): credits of an order line, dead letters.

Arrays, not maps, so that a record costs no field names; the encoding is MessagePack.

>>> record = CreditRecord(5, 100, 1_000_000, [("e1", "coupon", "c9")], {"last_touch": [100], "linear": [100]})
>>> decode_credit(encode(record)) == record
True
"""

import msgspec

Touch = tuple[str | None, str, str]
"""event_id (null for direct), channel, channel id."""


class CreditRecord(msgspec.Struct, array_like=True, frozen=True):
    """Who earned one order line: its touches, and per model the minor units each got, in touch order."""

    pay_time_ms: int
    net_minor: int
    micro_orders: int
    touches: list[Touch]
    credits_minor: dict[str, list[int]]


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
_DEAD_LETTER = msgspec.msgpack.Decoder(DeadLetterRecord)


def encode(record: msgspec.Struct) -> bytes:
    """Return a record's stored bytes, without a version."""
    return _ENCODER.encode(record)


def decode_credit(body: bytes) -> CreditRecord:
    """Read a credit record back."""
    return _CREDIT.decode(body)


def decode_dead_letter(body: bytes) -> DeadLetterRecord:
    """Read a dead letter back."""
    return _DEAD_LETTER.decode(body)
