"""The base counts of events, said in plain Python from their definitions, one event after another."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from schemas.events import EVENT_SCHEMA, ORDER_STATUSES
from schemas.metrics import EVENT_TIME_COUNTS, SCOPES

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
            "paid": {"gmv_paid_minor": amount, "units_paid": event["quantity"]},
            "refunded": {"refunds_minor": amount},
        }.get(event["order_status"], {})
    return {}


def cells_of(event: Row) -> Iterable[Cell]:
    for number, scope in enumerate(SCOPES):
        id_ = "all" if scope == "platform" else event.get(FIELD_OF_SCOPE[scope]) or "none"
        yield number, id_, event["event_time"] // 60_000


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


def partials_by_cell(batch: pa.RecordBatch) -> dict[Cell, dict[str, int]]:
    """Partial sums as the law tells them; each cell at most once."""
    cells = list(zip(*(batch[name].to_pylist() for name in ("group", "id", "minute")), strict=True))
    assert len(set(cells)) == len(cells)
    told = (dict(zip(EVENT_TIME_COUNTS, adds, strict=True)) for adds in batch["e"].to_pylist())
    return {
        cell: {name: number for name, number in adds.items() if number}
        for cell, adds in zip(cells, told, strict=True)
    }


_OPTIONAL = {
    "room_id": ["r1", "r2"], "session_id": ["s1"], "creator_id": ["k1", "店"], "traffic_source": ["recommend", "search"],
    "coupon_id": ["c1", "c2"], "ad_plan_id": ["p1"], "campaign_id": ["g1"], "item_id": ["i1", "i2", "r1"],
    "user_id": ["u1", "u2", "u3", "客"], "holdout": [True, False], "dwell_ms": [0, 5, 2**40], "schema_version": [1],
}  # fmt: skip
_TIMES = st.integers(0, 400_000) | st.integers(0, 400 * 86_400_000)
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
