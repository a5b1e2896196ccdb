"""By which columns a row is told from others, so that a row whose figures changed is shown as that row.

Keys decide what a difference looks like, never whether there is one.
"""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

KEYS: Final = {
    "metrics": ("scope", "id", "window", "window_start"),
    "attribution": ("model", "attribution_window", "channel", "id", "window", "window_start"),
    "attribution_further": ("model", "attribution_window", "channel", "id", "window", "window_start"),
    "credits": ("order_id", "item_id", "model", "attribution_window", "channel", "id", "touch_event_id"),
    "coupons": ("coupon_id",),
    "incrementality": ("coupon_id",),
    "leaderboards": ("scope", "metric", "window", "window_start", "rank"),
    "funnel_stages": ("category", "stage"),
    "funnel_moves": ("category", "day", "from_stage", "to_stage"),
    "funnel_times": ("category", "from_stage", "to_stage"),
    "features": ("entity", "id", "view", "feature", "window"),
    "reconciliation": ("kind", "order_id", "item_id"),
    "deadletters": ("reason", "raw"),
}
"""The keys of the exported tables."""

UNCOMPARED: Final = frozenset({("deadletters", "ingested_at")})
"""Tables and columns that say when something was taken in, which is another time at each run over a new stream."""


def key_of(table: str, kinds: Mapping[str, pa.DataType]) -> tuple[str, ...]:
    """Return a table's key among these columns; of a table that is not known, all that is no number.

    >>> key_of("stock", {"shop": pa.string(), "day": pa.date32(), "left": pa.int64()})
    ('shop', 'day')
    """
    known = tuple(name for name in KEYS.get(table, ()) if name in kinds)
    named = tuple(name for name, kind in kinds.items() if not _is_number(kind))
    return known or named or tuple(kinds)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
