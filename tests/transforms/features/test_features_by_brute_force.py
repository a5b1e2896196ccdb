"""Every aggregation over every window, read at random moments of random entities, against brute force over raw events."""

import random
from typing import Any

import numpy as np
import pytest
from feature_oracle import Oracle, field_of
from shop_events import Held, disordered, pieces, shard, shop

from schemas.features.layout import EntityLayout
from schemas.features.values import Stored
from schemas.keys import US, VERSION_BYTES, feature_key
from transforms.features.aggregations import (
    Count,
    Decayed,
    DistinctCount,
    First,
    Last,
    Max,
    Mean,
    Min,
    Quantile,
    Ratio,
    Since,
    Slope,
    Sum,
    TopK,
)
from transforms.features.view import FeatureView
from transforms.features.views import SHIPPED

PAID = "order.paid"
EVERY = [
    Count(), Count(on=PAID, name="paid"), Count(on="order.refunded", name="refunds"),
    Count(where="has_coupon", name="by_coupon"),
    Sum("amount_minor", on=PAID), Sum("quantity", on=PAID), Sum("amount_minor", on=(PAID, "order.placed"), name="both"),
    Mean("amount_minor", on=PAID), Mean("dwell_ms", on="view"), Min("amount_minor", on=PAID), Max("list_price_minor"),
    Max("stage"),
    Since(), Since(on=PAID, name="since_paid"), Last("item_id", n=3), Last("amount_minor", n=2, on=PAID),
    First("item_id", on=("click", "impression")), DistinctCount("item_id"), DistinctCount("user_id", on=PAID, name="buyers"),
    TopK("item_id", k=3), TopK("category_id", k=2, on=PAID, name="categories"), TopK("hour", k=2),
    Quantile("dwell_ms", on="view"), Quantile("amount_minor", q=0.9, on=PAID), Decayed(half_life="1h"),
    Decayed(half_life="6h", of=Sum("amount_minor", on=PAID), name="warm_spend"),
    Ratio(Count(on="click"), Count(on="view")), Ratio(Count(on=PAID), Count(on="click"), prior=(1.0, 9.0)),
    Slope(of=Count(on="view"), windows=("5m", "1h", "6h")),
]  # fmt: skip
ON = ["view", "click", "follow", "order.placed", PAID, "order.cancelled", "order.refunded"]
ENTITIES = (
    ("user_id",),
    ("item_id",),
    ("creator_id",),
    ("user_id", "category_id"),
    ("merchant_id", "traffic_source"),
)
VIEWS = [
    FeatureView(
        f"all_of_{'_'.join(entity)}", entity=entity, on=ON, aggregations=EVERY, windows=["5m", "1h", "6h", "1d", "7d"],
        tiles={"6h": "5m"}, ttl="30d",
    )
    for entity in ENTITIES
]  # fmt: skip


def read(store: Held, layout: EntityLayout, ids: tuple[str, ...], at_ms: int) -> list[Any] | None:
    """What stands there of an entity, at a moment."""
    field = US.join(ids)
    value = store.values.get(feature_key("is", layout.name, field), {}).get(field)
    if value is None:
        return None
    columns = Stored.read(layout, [value[VERSION_BYTES:]]).values(np.array([at_ms]))
    return [column[0] for column in columns]


@pytest.mark.parametrize("views", [VIEWS, list(SHIPPED)], ids=["every aggregation", "the views that ship"])
@pytest.mark.parametrize("order", ["of time", "disordered"])
def test_values_at_random_moments(views: list[FeatureView], order: str) -> None:
    draw = random.Random(7)
    rows = shop(5000, seed=11, days=4.0)
    arrived = disordered(rows, seed=3) if order == "disordered" else rows
    cuts = sorted(draw.sample(range(1, len(arrived)), 60))
    by_name = {view.name: view for view in views}
    store = Held()
    held = shard(views, store)
    parts = {(view.name, part.label): part for view in views for part in view.aggregations}
    checked = 0
    for piece, end in zip(pieces(arrived, cuts), [*cuts, len(arrived)], strict=True):
        list(held.absorb(piece))
        seen = Oracle(arrived[:end])
        at_ms = max(row["event_time"] for row in arrived[:end]) + draw.choice([0, 1, 90_000, 3_600_000])
        for layout in (table.layout for table in held.tables):
            row = draw.choice(arrived[:end])
            ids = tuple(field_of(row, name) for name in layout.entity)
            if None in ids:
                continue
            of, values = seen.of(layout.entity, ids), read(store, layout, ids, at_ms)
            if values is None:
                continue
            for feature, value in zip(layout.features, values, strict=True):
                view = by_name[feature.view]
                part = parts[feature.view, feature.name]
                checked += 1
                assert of.agrees(view, part, feature.window, at_ms, value), (
                    layout.name,
                    ids,
                    feature,
                    at_ms,
                    value,
                )
    assert checked > 2000
