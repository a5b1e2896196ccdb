"""The Arrow schemas of the exported tables: what checks from outside read.

>>> EXPORTS["credits"].names
['order_id', 'item_id', 'model', 'attribution_window', 'channel', 'id', 'touch_event_id', 'credit_minor']
"""

from typing import Final

import pyarrow as pa

from schemas.events import DEAD_LETTER_SCHEMA, TIMESTAMP
from schemas.metrics import DEFINITIONS, METRICS, RATIOS, UNIQUES

_TEXT = pa.string()
_COUNT = pa.int64()
_WINDOW = [("window", _TEXT), ("window_start", TIMESTAMP)]


def _metric_field(name: str) -> pa.Field:
    kind = pa.float64() if name in RATIOS else _COUNT
    return pa.field(name, kind, metadata={"description": DEFINITIONS[name]})


EXPORTS: Final = {
    "metrics": pa.schema(
        [pa.field("scope", _TEXT), pa.field("id", _TEXT), *map(pa.field, *zip(*_WINDOW, strict=True)),
         *map(_metric_field, (*METRICS, *UNIQUES, *RATIOS))]
    ),
    "attribution": pa.schema(
        [("model", _TEXT), ("attribution_window", _TEXT), ("channel", _TEXT), ("id", _TEXT), *_WINDOW,
         ("credit_minor", _COUNT), ("credited_orders", pa.float64()), ("touches", _COUNT),
         ("cost_minor", _COUNT), ("roi", pa.float64())]
    ),
    "credits": pa.schema(
        [("order_id", _TEXT), ("item_id", _TEXT), ("model", _TEXT), ("attribution_window", _TEXT),
         ("channel", _TEXT), ("id", _TEXT), ("touch_event_id", _TEXT), ("credit_minor", _COUNT)]
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
    "reconciliation": pa.schema(
        [("kind", _TEXT), ("order_id", _TEXT), ("item_id", _TEXT), ("amount_minor", _COUNT),
         ("event_time", TIMESTAMP)]
    ),
    "deadletters": DEAD_LETTER_SCHEMA,
}  # fmt: skip
"""One Parquet file each; rows sorted by the leading columns, so that equal results are equal bytes."""
