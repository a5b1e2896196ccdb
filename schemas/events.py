"""The Arrow schema of every event, and what each event type may carry.

All event types share one wide schema, so that a batch of mixed events is one `RecordBatch` and no
step of the hot path looks at rows one by one. Columns that a type does not use are null.

>>> EVENT_SCHEMA.field("amount_minor").type
DataType(int64)
>>> FIELDS_BY_TYPE["click"]
('item_id',)
"""

from typing import Final

import pyarrow as pa

TIMESTAMP: Final = pa.timestamp("ms", tz="UTC")
SCHEMA_VERSIONS: Final = (1,)
"""The values of `schema_version` that this program understands."""

EVENT_TYPES: Final = ("view", "click", "order", "coupon", "live", "follow")
ORDER_STATUSES: Final = ("placed", "paid", "shipped", "delivered", "cancelled", "refunded")
COUPON_STATUSES: Final = ("granted", "activated", "exhausted", "expired", "revoked")
LIVE_STATUSES: Final = ("started", "ended")
TRAFFIC_SOURCES: Final = (
    "recommend", "follow", "search", "short_video", "share", "coupon", "qianchuan", "campaign", "other",
)  # fmt: skip

EVENT_SCHEMA: Final = pa.schema(
    [
        ("event_id", pa.string()),
        ("event_type", pa.string()),
        ("event_time", TIMESTAMP),
        ("schema_version", pa.int16()),
        ("room_id", pa.string()),
        ("session_id", pa.string()),
        ("creator_id", pa.string()),
        ("user_id", pa.string()),
        ("traffic_source", pa.string()),
        ("coupon_id", pa.string()),
        ("ad_plan_id", pa.string()),
        ("campaign_id", pa.string()),
        ("item_id", pa.string()),
        ("dwell_ms", pa.int64()),
        ("holdout", pa.bool_()),
        ("order_id", pa.string()),
        ("quantity", pa.int32()),
        ("amount_minor", pa.int64()),
        ("currency", pa.string()),
        ("order_status", pa.string()),
        ("coupon_status", pa.string()),
        ("cost_minor", pa.int64()),
        ("impressions", pa.int64()),
        ("valid_from", TIMESTAMP),
        ("valid_to", TIMESTAMP),
        ("task_id", pa.string()),
        ("holdout_share", pa.float64()),
        ("live_status", pa.string()),
        ("base_id", pa.string()),
    ]
)
"""Every event, wide; `event_time` in UTC milliseconds, money in the currency's minor unit."""

COMMON_FIELDS: Final = EVENT_SCHEMA.names[:12]

FIELDS_BY_TYPE: Final = {
    "view": ("item_id", "dwell_ms", "holdout"),
    "click": ("item_id",),
    "order": ("order_id", "item_id", "quantity", "amount_minor", "currency", "order_status"),
    "coupon": (
        "coupon_status",
        "cost_minor",
        "impressions",
        "valid_from",
        "valid_to",
        "task_id",
        "holdout_share",
    ),
    "live": ("live_status", "base_id"),
    "follow": (),
}
"""The fields that a type has beside the common ones."""

DEAD_LETTER_SCHEMA: Final = pa.schema(
    [
        ("event_id", pa.string()),
        ("reason", pa.string()),
        ("rule", pa.string()),
        ("detail", pa.string()),
        ("raw", pa.binary()),
        ("event_time", TIMESTAMP),
        ("ingested_at", TIMESTAMP),
    ]
)
"""What was refused: a reason code, the rule that failed, and the bytes as they came.

`ingested_at` is when the log that was read took the event in (a Redis Streams entry id, a Kafka
timestamp), null for files, which do not say; so a second reading gives the same dead letter.
"""
