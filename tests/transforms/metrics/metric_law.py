"""The base counts of events, said in plain Python from their definitions, one event after another."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from schemas.dimensions import DIMENSIONS as SCHEMAS
from schemas.events import EVENT_SCHEMA, ORDER_STATUSES
from schemas.metrics import EVENT_TIME_COUNTS, SCOPES
from transforms.dimensions import DimensionRows
from transforms.metrics.partials import Partials

Row = dict[str, Any]
Cell = tuple[int, str, int]
"""Scope number, id, minute since the epoch."""

T0 = 1_767_225_600_000
FIELD_OF_SCOPE = {
    "room": "room_id",
    "session": "session_id",
    "creator": "creator_id",
    "item": "item_id",
    "traffic_source": "traffic_source",
    "campaign": "campaign_id",
}
DAY = 86_400_000
ITEMS: dict[str, Row] = {
    "i1": {"merchant_id": "m1", "category_id": "tea", "launched_at": T0, "is_premium": True},
    "i2": {"merchant_id": "m2", "brand_id": "店", "category_id": "tea", "launched_at": T0 + 60_000},
}
"""`r1`, an item too, has no row; neither has the merchant `m2`."""
CREATORS: dict[str, Row] = {
    "k1": {"kind": "merchant", "mcn_id": "n1", "base_id": "b1"},
    "店": {"kind": "top_kol", "base_id": "b1"},
}
MERCHANTS: dict[str, Row] = {"m1": {"service_provider_id": "p1", "region": None}}
CHANNELS = {"top_kol": "top_kol", "merchant": "field", "creator": "alliance"}
DIMENSIONS = DimensionRows(
    {
        name: pa.Table.from_pylist([{key: id_} | row for id_, row in rows.items()], schema=SCHEMAS[name])
        for name, key, rows in (
            ("items", "item_id", ITEMS), ("creators", "creator_id", CREATORS), ("merchants", "merchant_id", MERCHANTS)
        )
    }
)  # fmt: skip


def found(rows: dict[str, Row], key: str | None, field: str) -> str:
    """What a dimension says of an id: `none` without one, `unknown` without a row, `none` where it says nothing."""
    if key is None:
        return "none"
    return rows[key].get(field) or "none" if key in rows else "unknown"


def ids_of(event: Row) -> dict[str, str]:
    """Under which id an event counts in each scope, by what it says itself."""
    item, creator = event.get("item_id"), event.get("creator_id")
    merchant = ITEMS.get(item or "", {}).get("merchant_id")
    by_merchant = {
        scope: found(MERCHANTS, merchant, field) if item is None or item in ITEMS else "unknown"
        for scope, field in (("service_provider", "service_provider_id"), ("region", "region"))
    }
    kind = CREATORS.get(creator or "", {}).get("kind", "")
    channel = "shelf" if creator is None else CHANNELS.get(kind, "unknown")
    return {
        "platform": "all",
        **{scope: event.get(field) or "none" for scope, field in FIELD_OF_SCOPE.items()},
        **{scope: found(ITEMS, item, f"{scope}_id") for scope in ("merchant", "brand", "category")},
        **{scope: found(CREATORS, creator, f"{scope}_id") for scope in ("mcn", "base")},
        **by_merchant,
        "fact_channel": "campaign" if event.get("campaign_id") is not None else channel,
    }


def counts_of(event: Row) -> dict[str, int]:
    """What one event adds to every cell it belongs to; distinct orders are counted elsewhere."""
    kind, amount = event["event_type"], event.get("amount_minor") or 0
    if kind == "view" and not event.get("holdout"):
        place = "impressions" if event.get("item_id") else "room_entries"
        return {"views": 1, place: 1, "dwell_ms": event.get("dwell_ms") or 0}
    if kind in ("click", "follow"):
        return {f"{kind}s": 1}
    if kind == "order":
        return {
            "placed": {"gmv_placed_minor": amount},
            "paid": {"gmv_paid_minor": amount, "units_paid": event["quantity"], **_by_item(event, amount)},
            "refunded": {"refunds_minor": amount},
        }.get(event["order_status"], {})
    return {}


def _by_item(event: Row, amount: int) -> dict[str, int]:
    item = ITEMS.get(event.get("item_id") or "", {})
    age_ms = event["event_time"] - item.get("launched_at", -(10**15))
    return {
        "new_product_gmv_minor": amount if 0 <= age_ms <= 30 * DAY else 0,
        "premium_gmv_minor": amount if item.get("is_premium") else 0,
    }


def cells_of(event: Row) -> Iterable[Cell]:
    ids = ids_of(event)
    for number, scope in enumerate(SCOPES):
        yield number, ids[scope], event["event_time"] // 60_000


def sums_of(events: Iterable[Row]) -> dict[Cell, dict[str, int]]:
    """Every cell's counts, zeros and cells of zeros left out."""
    sums: Counter[tuple[Cell, str]] = Counter()
    for event in events:
        for cell in cells_of(event):
            for name, number in counts_of(event).items():
                sums[cell, name] += number
    held: dict[Cell, dict[str, int]] = {}
    for (cell, name), number in sums.items():
        if number:
            held.setdefault(cell, {})[name] = number
    return held


def roles_of(event: Row) -> list[str]:
    """As what an event shows its user in all its cells."""
    if event["event_type"] == "view" and not event.get("holdout"):
        return ["viewers"]
    if event["event_type"] == "click":
        return ["clickers"]
    return ["buyers"] if event["event_type"] == "order" and event["order_status"] == "paid" else []


def users_of(events: Iterable[Row]) -> dict[Cell, dict[str, set[str]]]:
    """Every cell's distinct users by role; those online only in cells of the scope `session`."""
    users: dict[Cell, dict[str, set[str]]] = {}
    for event in events:
        if event.get("user_id") is None:
            continue
        for cell in cells_of(event):
            online = ["online_users"] if SCOPES[cell[0]] == "session" else []
            for role in (*roles_of(event), *online):
                users.setdefault(cell, {}).setdefault(role, set()).add(event["user_id"])
    return users


def touches_of_channel(events: Iterable[Row]) -> dict[tuple[str, int], int]:
    """How many touches each channel had in each minute."""
    touches: Counter[tuple[str, int]] = Counter()
    for event in events:
        ghost = event["event_type"] == "view" and event.get("holdout")
        if event["event_type"] not in ("view", "click") or ghost or event.get("user_id") is None:
            continue
        paid = {"coupon": "coupon_id", "ad_plan": "ad_plan_id", "campaign": "campaign_id"}
        named = [f"{name}\x1f{event[field]}" for name, field in paid.items() if event.get(field) is not None]
        channel = named[0] if named else f"traffic_source\x1f{event.get('traffic_source') or 'none'}"
        touches[channel, event["event_time"] // 60_000] += 1
    return dict(touches)


def batch_of(events: list[Row]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(events, schema=EVENT_SCHEMA)


def partials_by_cell(sums: Partials) -> dict[Cell, dict[str, int]]:
    """Partial sums as the law tells them: visible cells at most once, hidden ones by what their events say."""
    cells = list(zip(*(sums.visible[name].to_pylist() for name in ("group", "id", "minute")), strict=True))
    assert len(set(cells)) == len(cells)
    told: dict[Cell, Counter[str]] = defaultdict(Counter)
    for cell, adds in zip(cells, sums.visible["e"].to_pylist(), strict=True):
        told[cell].update(dict(zip(EVENT_TIME_COUNTS, adds, strict=True)))
    for row in sums.hidden.to_pylist():
        for scope, name in (("base", row["base"]), ("fact_channel", row["fact"])):
            told[SCOPES.index(scope), name, row["minute"]].update(
                dict(zip(EVENT_TIME_COUNTS, row["b"], strict=True))
            )
    return {cell: {name: number for name, number in adds.items() if number} for cell, adds in told.items()}


_OPTIONAL = {
    "room_id": ["r1", "r2"], "session_id": ["s1"], "creator_id": ["k1", "店"], "traffic_source": ["recommend", "search"],
    "coupon_id": ["c1", "c2"], "ad_plan_id": ["p1"], "campaign_id": ["g1"], "item_id": ["i1", "i2", "r1"],
    "user_id": ["u1", "u2", "u3", "客"], "holdout": [True, False], "dwell_ms": [0, 5, 2**40], "schema_version": [1],
}  # fmt: skip
_TIMES = (
    st.integers(0, 400_000) | st.integers(30 * DAY - 2, 30 * DAY + 60_002) | st.integers(0, 400 * 86_400_000)
)
"""Close together, so that minutes are shared, or far apart, so that cells are thinly spread."""


@st.composite
def events(draw: st.DrawFn, most: int = 30) -> list[Row]:
    """Events of every type that keep the contract as far as counts need; some columns are null throughout."""
    used = [name for name in _OPTIONAL if draw(st.booleans())]
    return [_event(draw, used) for _ in range(draw(st.integers(0, most)))]


def _event(draw: st.DrawFn, used: list[str]) -> Row:
    row = {name: draw(st.sampled_from([None, *_OPTIONAL[name]])) for name in used}
    kind = draw(st.sampled_from(["view", "view", "click", "order", "order", "follow", "coupon", "live"]))
    row |= {"event_id": "e", "event_type": kind, "event_time": T0 + draw(_TIMES)}
    if kind == "order":
        row |= {
            "order_id": "o", "order_status": draw(st.sampled_from(ORDER_STATUSES)),
            "quantity": draw(st.integers(1, 3)), "amount_minor": draw(st.sampled_from([0, 1, 99, 2**45])),
        }  # fmt: skip
    return row
