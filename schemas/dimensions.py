"""The Arrow schemas of the dimension files (`--dims DIR`), one table a file.

>>> DIMENSIONS["items"].names[:2]
['item_id', 'merchant_id']
"""

from typing import Final

import pyarrow as pa

from schemas.events import TIMESTAMP

_TEXT = pa.string()
_RATE = pa.decimal128(9, 6)

DIMENSIONS: Final = {
    "items": pa.schema(
        [("item_id", _TEXT), ("merchant_id", _TEXT), ("brand_id", _TEXT), ("category_id", _TEXT),
         ("list_price_minor", pa.int64()), ("launched_at", TIMESTAMP), ("is_premium", pa.bool_())]
    ),
    "creators": pa.schema(
        [("creator_id", _TEXT), ("kind", _TEXT), ("mcn_id", _TEXT), ("merchant_id", _TEXT),
         ("base_id", _TEXT), ("followers", pa.int64()), ("joined_at", TIMESTAMP)]
    ),
    "merchants": pa.schema(
        [("merchant_id", _TEXT), ("service_provider_id", _TEXT), ("region", _TEXT), ("joined_at", TIMESTAMP)]
    ),
    "mcns": pa.schema([("mcn_id", _TEXT), ("region", _TEXT), ("founded_at", TIMESTAMP)]),
    "service_providers": pa.schema(
        [("service_provider_id", _TEXT), ("certified_staff", pa.int64()), ("joined_at", TIMESTAMP)]
    ),
    "campaigns": pa.schema(
        [("campaign_id", _TEXT), ("name", _TEXT), ("starts_at", TIMESTAMP), ("ends_at", TIMESTAMP)]
    ),
    "ad_plans": pa.schema([("ad_plan_id", _TEXT), ("merchant_id", _TEXT), ("cost_minor", pa.int64())]),
    "commissions": pa.schema(
        [("merchant_id", _TEXT), ("item_id", _TEXT), ("creator_rate", _RATE), ("mcn_rate", _RATE),
         ("service_provider_rate", _RATE), ("platform_rate", _RATE)]
    ),
}  # fmt: skip
"""Every dimension; each column but the id may be missing or null, each file optional."""
