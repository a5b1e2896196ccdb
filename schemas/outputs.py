"""The Arrow schemas of the exported tables: what checks from outside read.

>>> EXPORTS["credits"].names[:8]
['order_id', 'item_id', 'model', 'attribution_window', 'channel', 'id', 'touch_event_id', 'credit_minor']
"""

from typing import Final

import pyarrow as pa

from schemas.events import DEAD_LETTER_SCHEMA, TIMESTAMP
from schemas.metrics import DEFINITIONS, METRICS, RATIOS, UNIQUES
from schemas.shown import SAID

_TEXT = pa.string()
_COUNT = pa.int64()
_WINDOW = [("window", _TEXT), ("window_start", TIMESTAMP)]


def _metric_field(name: str) -> pa.Field:
    kind = pa.float64() if name in RATIOS else _COUNT
    return pa.field(name, kind, metadata={"description": DEFINITIONS[name]})


_CREDITED = [
    ("model", _TEXT), ("attribution_window", _TEXT), ("channel", _TEXT), ("id", _TEXT), *_WINDOW,
    ("credit_minor", _COUNT), ("credited_orders", pa.float64()), ("touches", _COUNT), ("cost_minor", _COUNT),
    ("roi", pa.float64()), ("direct_credit_minor", _COUNT), ("indirect_credit_minor", _COUNT),
    ("cost_per_order_minor", pa.float64()), ("reached_users", _COUNT), ("new_customer_credit_minor", _COUNT),
]  # fmt: skip

EXPORTS: Final = {
    "metrics": pa.schema(
        [pa.field("scope", _TEXT), pa.field("id", _TEXT), *map(pa.field, *zip(*_WINDOW, strict=True)),
         *map(_metric_field, (*METRICS, *UNIQUES, *RATIOS))]
    ),
    "attribution": pa.schema(_CREDITED),
    "attribution_further": pa.schema(_CREDITED),
    "credits": pa.schema(
        [("order_id", _TEXT), ("item_id", _TEXT), ("model", _TEXT), ("attribution_window", _TEXT),
         ("channel", _TEXT), ("id", _TEXT), ("touch_event_id", _TEXT), ("credit_minor", _COUNT),
         ("touch_type", _TEXT), ("touch_age_ms", _COUNT), ("direct", pa.bool_())]
    ),
    "coupons": pa.schema(
        [("coupon_id", _TEXT), ("creator_id", _TEXT), ("task_id", _TEXT), ("status", _TEXT), ("bought", _COUNT),
         ("spent", _COUNT), ("over_delivered", _COUNT), ("cost_minor", _COUNT), ("valid_from", TIMESTAMP),
         ("valid_to", TIMESTAMP), ("granted_at", TIMESTAMP), ("activated_at", TIMESTAMP),
         ("holdout_share", pa.float64())]
    ),
    "incrementality": pa.schema(
        [("coupon_id", _TEXT), ("holdout_share", pa.float64()), ("exposed", _COUNT), ("held_out", _COUNT),
         ("lift_minor_per_user", pa.float64()), ("ci_low", pa.float64()), ("ci_high", pa.float64()),
         ("incremental_gmv_minor", _COUNT), ("cost_minor", _COUNT), ("incremental_roi", pa.float64()),
         ("attributed_minor", _COUNT), ("would_have_come_share", pa.float64()), ("watermark", TIMESTAMP)]
    ),
    "leaderboards": pa.schema(
        [("scope", _TEXT), ("metric", _TEXT), *_WINDOW, ("rank", pa.int32()), ("id", _TEXT), ("value", _COUNT)]
    ),
    "funnel_stages": pa.schema([("category", _TEXT), ("stage", _TEXT), ("users", _COUNT)]),
    "funnel_moves": pa.schema(
        [("category", _TEXT), ("day", TIMESTAMP), ("from_stage", _TEXT), ("to_stage", _TEXT), ("users", _COUNT)]
    ),
    "funnel_times": pa.schema(
        [("category", _TEXT), ("from_stage", _TEXT), ("to_stage", _TEXT), ("median_ms", pa.float64())]
    ),
    "features": pa.schema(
        [("entity", _TEXT), ("id", _TEXT), ("view", _TEXT), ("feature", _TEXT), ("window", _TEXT), ("number", _COUNT),
         ("ratio", pa.float64()), ("list", _TEXT), ("event_time", TIMESTAMP)]
    ),
    "reconciliation": pa.schema(
        [("kind", _TEXT), ("order_id", _TEXT), ("item_id", _TEXT), ("amount_minor", _COUNT),
         ("event_time", TIMESTAMP)]
    ),
    "deadletters": DEAD_LETTER_SCHEMA,
}  # fmt: skip
"""One Parquet file each; rows sorted by the leading columns, so that equal results are equal bytes."""

SHOWN: Final = pa.schema(
    [("shown_id", _TEXT), ("position", pa.int32()), ("at_ms", _COUNT), ("user_id", _TEXT), ("item_id", _TEXT),
     ("room_id", _TEXT), ("room_known", pa.bool_()), ("k", pa.int32()), ("fallback", pa.bool_()),
     ("model_version", _COUNT), ("model_as_of_ms", _COUNT), ("propensity", pa.float64()), ("score", pa.float32()),
     ("part", _TEXT), ("choices", pa.list_(_TEXT)), ("choice_chances", pa.list_(pa.float64())),
     *((f"said_{name}", pa.float32()) for name in SAID), ("label", pa.int8()), ("label_known_at_ms", _COUNT),
     ("weight", pa.float64()), ("clicked_at_ms", _COUNT), ("paid_at_ms", _COUNT)]
)  # fmt: skip
"""`shown.parquet`, which is exported by itself: a row a shown item, in the order in which they were shown."""
