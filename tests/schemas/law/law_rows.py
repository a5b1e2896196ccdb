"""Events that keep the law, and values that stand at its edges."""

from typing import Any

import pyarrow as pa

from schemas.events import (
    COUPON_STATUSES,
    EVENT_SCHEMA,
    EVENT_TYPES,
    LIVE_STATUSES,
    ORDER_STATUSES,
    TRAFFIC_SOURCES,
)

Row = dict[str, Any]

NOON_MS = 1_700_000_000_000

_SHARED: Row = {"event_id": "e1", "event_time": NOON_MS}
_OF_TYPE: dict[str, Row] = {
    "view": {"user_id": "u1"},
    "click": {"user_id": "u1", "item_id": "i1"},
    "order": {
        "user_id": "u1",
        "order_id": "o1",
        "item_id": "i1",
        "quantity": 1,
        "amount_minor": 0,
        "currency": "CNY",
        "order_status": "paid",
    },
    "coupon": {"coupon_id": "c1", "creator_id": "k1", "coupon_status": "granted"},
    "live": {"room_id": "r1", "session_id": "s1", "live_status": "started"},
    "follow": {"user_id": "u1"},
}


def good(event_type: str, /, **changes: Any) -> Row:
    """Give the barest event of a type that keeps the law, changed as asked."""
    return {**_SHARED, "event_type": event_type, **_OF_TYPE[event_type], **changes}


def batch_of(rows: list[Row]) -> pa.RecordBatch:
    """Make one batch; what a row does not name is null."""
    return pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA)


def edge_values(column: str) -> list[Any]:
    """Give values of a column's type from both sides of every line that the law draws, and null."""
    kind = EVENT_SCHEMA.field(column).type
    if pa.types.is_string(kind):
        return [None, *_STRINGS]
    if pa.types.is_timestamp(kind):
        return [None, *_TIMES_MS]
    if pa.types.is_floating(kind):
        return [None, *_SHARES]
    if pa.types.is_boolean(kind):
        return [None, True, False]
    top = 2 ** (kind.bit_width - 1)
    numbers = (-1, 0, 1, 2, 10**15, 10**15 + 1, 2**53 + 1, -top, top - 1)
    return [None, *(number for number in numbers if -top <= number < top)]


_STRINGS = (
    "", " ", "x", "CNY", "USD", "cny", "CNY\n", "CNYX", "元", "元元元", "C Y", "\x00",
    "x" * 256, "x" * 257, "é" * 256, "é" * 257, "x" * 1024, "x" * 1025, "🛒" * 1024, "🛒" * 1025,
    *dict.fromkeys(EVENT_TYPES + ORDER_STATUSES + COUPON_STATUSES + LIVE_STATUSES + TRAFFIC_SOURCES),
)  # fmt: skip
_TIMES_MS = (
    -(2**63), -62_135_596_800_001, -1, 0, 1_230_767_999_999, 1_230_768_000_000, NOON_MS, NOON_MS + 1,
    4_102_444_799_999, 4_102_444_800_000, 253_402_214_400_000, 253_402_300_799_999, 253_402_300_800_000,
    NOON_MS * 1000, 2**63 - 1,
)  # fmt: skip
_SHARES = (0.0, -0.0, -5e-324, 0.5, 0.9999999999999999, 1.0, 1.5, float("nan"), float("inf"), float("-inf"))
