"""What a set of order events amounts to, said in plain Python from the definitions, whatever their order."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from schemas.dimensions import DIMENSIONS as SCHEMAS
from schemas.events import EVENT_SCHEMA
from schemas.metrics import EVENT_TIME_COUNTS, SCOPES
from transforms.dimensions import DimensionRows
from transforms.event_view import EventView
from transforms.intake import ID_HASH
from transforms.metrics.session_facts import facts_of
from transforms.orders.book import OrderBook, OrderEffects
from transforms.orders.events import order_events
from transforms.state.hashing import hash_strings

MINUTE_MS = 60_000
COUNTED = ("placed", "paid", "cancelled")


class OrderEvent(NamedTuple):
    """One status change of one order line."""

    event_id: str
    order_id: str
    item_id: str
    status: str
    time_ms: int
    amount_minor: int
    room_id: str | None = None
    traffic_source: str | None = None
    user_id: str = "u"
    session_id: str | None = None
    creator_id: str | None = None

    @property
    def line(self) -> tuple[str, str]:
        return self.order_id, self.item_id

    def scopes(self, told: "Iterable[Live]" = ()) -> dict[int, str]:
        """The id that each scope counts this event under, by the scope's number."""
        item = ITEMS.get(self.item_id, {})
        creator = CREATORS.get(self.creator_id or "", {})
        own = {"none": self.creator_id is None, "unknown": self.creator_id not in CREATORS}
        missing = next((name for name, holds in own.items() if holds), None)
        ids = {
            "platform": "all",
            "room": self.room_id,
            "session": self.session_id,
            "creator": self.creator_id,
            "item": self.item_id,
            "traffic_source": self.traffic_source,
            "category": item.get("category_id") if self.item_id in ITEMS else "unknown",
            "merchant": None if self.item_id in ITEMS else "unknown",
            "brand": None if self.item_id in ITEMS else "unknown",
            "mcn": missing,
            "base": self._said(told, "base_id") or missing or creator.get("base_id"),
            "fact_channel": self._fact(told, missing),
        }
        unpublished = ("service_provider", "region")
        return {
            number: ids.get(scope) or "none"
            for number, scope in enumerate(SCOPES)
            if scope not in unpublished
        }

    def _said(self, told: "Iterable[Live]", field: str) -> str | None:
        """What the session's earliest live event that says it says, if it holds by now."""
        said = [
            live for live in told if live.session_id == self.session_id and getattr(live, field) is not None
        ]
        first = min(said, key=lambda live: (live.time_ms, live.event_id), default=None)
        if first is None or self.time_ms // MINUTE_MS < (first.time_ms - LATENESS_MS) // MINUTE_MS:
            return None
        return getattr(first, field)

    def _fact(self, told: "Iterable[Live]", missing: str | None) -> str:
        if self._said(told, "campaign_id") is not None:
            return "campaign"
        return {"none": "shelf", "unknown": "unknown", None: "field"}[missing]


class Live(NamedTuple):
    """A live event, which says to which campaign and base its session belongs."""

    event_id: str
    session_id: str
    time_ms: int
    campaign_id: str | None = None
    base_id: str | None = None


LATENESS_MS = 3_600_000
ITEMS = {"i1": {"category_id": "tea"}, "i2": {"category_id": "ink"}, "i": {"category_id": None}}
CREATORS = {"k": {"kind": "merchant", "base_id": "b0"}}
DIMENSIONS = DimensionRows(
    {
        "items": pa.Table.from_pylist(
            [{"item_id": i} | row for i, row in ITEMS.items()], schema=SCHEMAS["items"]
        ),
        "creators": pa.Table.from_pylist(
            [{"creator_id": c} | row for c, row in CREATORS.items()], schema=SCHEMAS["creators"]
        ),
    }
)


Cell = tuple[int, str, int]
"""Scope number, id, minute."""


@dataclass
class Standing:
    """All that order events amount to; only what is not 0."""

    counts: dict[tuple[str, Cell], int]
    by_order_time: dict[Cell, int]
    net: dict[tuple[str, str], tuple[int, int, bool]]
    """Pay time, net amount, and whether the line was paid for and given back in full."""
    open_points: dict[tuple[str, str, str], int]


def standing(events: Iterable[OrderEvent], horizon_ms: int, lives: Iterable[Live] = ()) -> Standing:
    """Say what a set of events amounts to, with what live events say of their sessions."""
    held, told = list(events), list(lives)
    return Standing(_counts(held, horizon_ms, told), *_lines(held, horizon_ms, told))


def _counts(events: list[OrderEvent], horizon_ms: int, told: list[Live]) -> dict[tuple[str, Cell], int]:
    times: dict[tuple[str, str, int, str], set[int]] = defaultdict(set)
    for event in events:
        if event.status in COUNTED:
            for scope, name in event.scopes(told).items():
                times[event.order_id, event.status, scope, name].add(event.time_ms)
    counts: Counter[tuple[str, Cell]] = Counter()
    for (_, status, scope, name), seen in times.items():
        for time in seen:
            if not any(time - horizon_ms <= other < time for other in seen):
                counts[f"orders_{status}", (scope, name, time // MINUTE_MS)] += 1
    return dict(counts)


def _lines(
    events: list[OrderEvent], horizon_ms: int, told: list[Live]
) -> tuple[dict[Any, Any], dict[Any, Any], dict[Any, Any]]:
    payments, refunds = defaultdict(list), defaultdict(list)
    for event in events:
        if event.status in ("paid", "refunded"):
            (payments if event.status == "paid" else refunds)[event.line].append(event)
    by_order_time: Counter[Cell] = Counter()
    net, open_points = {}, {}
    for line in payments.keys() | refunds.keys():
        paid = sum(event.amount_minor for event in payments[line])
        matched, stray = 0, sum(event.amount_minor for event in refunds[line])
        if payments[line]:
            first = min(payments[line], key=lambda event: (event.time_ms, hash_strings([event.event_id])[0]))
            near = [e for e in refunds[line] if abs(e.time_ms - first.time_ms) <= horizon_ms]
            matched = sum(event.amount_minor for event in near)
            stray -= matched
            for scope, name in first.scopes(told).items():
                by_order_time[scope, name, first.time_ms // MINUTE_MS] += matched
            left = max(0, paid - matched)
            net[line] = (first.time_ms, left, paid > 0 and left == 0)
        open_points["orphan_refund", *line] = stray
        open_points["over_refund", *line] = max(0, matched - paid) if payments[line] else 0
    return _nonzero(by_order_time), net, _nonzero(open_points)


def _nonzero(amounts: dict[Any, int]) -> dict[Any, int]:
    return {key: amount for key, amount in amounts.items() if amount}


def batch_of(events: list[OrderEvent]) -> pa.RecordBatch:
    """The events as the order book takes them, by way of the step that makes them."""
    rows = [
        {
            "event_id": e.event_id, "event_type": "order", "event_time": e.time_ms, "user_id": e.user_id,
            "order_id": e.order_id, "item_id": e.item_id, "order_status": e.status, "amount_minor": e.amount_minor,
            "quantity": 1, "room_id": e.room_id, "traffic_source": e.traffic_source,
            "session_id": e.session_id, "creator_id": e.creator_id,
        }
        for e in events
    ]  # fmt: skip
    batch = pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA)
    ids = pa.array(hash_strings([e.event_id for e in events]))
    return order_events(EventView(batch.append_column(ID_HASH, ids)), DIMENSIONS)


def facts_batch(lives: list[Live]) -> pa.RecordBatch:
    """Live events as the order book takes them, by way of the step that makes them."""
    rows = [
        {
            "event_id": live.event_id, "event_type": "live", "event_time": live.time_ms, "session_id": live.session_id,
            "campaign_id": live.campaign_id, "base_id": live.base_id, "live_status": "started",
        }
        for live in lives
    ]  # fmt: skip
    return facts_of(EventView(pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA)))


class Tally:
    """Sums what a book emits, and keeps the last word on every line and open point."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, Cell]] = Counter()
        self.by_order_time: Counter[Cell] = Counter()
        self.lines: dict[tuple[str, str], tuple[int, int, int]] = {}
        self.open_points: dict[tuple[str, str, str], int] = {}

    def take(self, effects: OrderEffects) -> None:
        for cell, adds in _cells(effects.counts, "e"):
            for name, number in zip(EVENT_TIME_COUNTS, adds, strict=True):
                self.counts[name, cell] += number
        for cell, adds in _cells(effects.by_order_time, "o"):
            self.by_order_time[cell] += adds[0]
        for row in effects.lines.to_pylist():
            self.lines[row["order_id"], row["item_id"]] = (
                row["pay_time_ms"],
                row["net_minor"],
                row["micro_orders"],
            )
        for row in effects.reconciliation.to_pylist():
            self.open_points[row["kind"], row["order_id"], row["item_id"]] = row["amount_minor"]

    def summary(self) -> tuple[Any, ...]:
        """Everything told so far, 0 left out, to compare with another's."""
        return _nonzero(self.counts), _nonzero(self.by_order_time), self.lines, _nonzero(self.open_points)

    def hold_to(self, law: Standing) -> None:
        assert _nonzero(self.counts) == law.counts
        assert _nonzero(self.by_order_time) == law.by_order_time
        assert {line: told[:2] for line, told in self.lines.items()} == {k: v[:2] for k, v in law.net.items()}
        assert _nonzero(self.open_points) == law.open_points
        self._hold_shares(law)

    def _hold_shares(self, law: Standing) -> None:
        """A paid order is worth a million, in even parts; a line given back in full has none."""
        orders = defaultdict(list)
        for line, (_, _, micro) in self.lines.items():
            orders[line[0]].append((micro, law.net[line][2]))
        for lines in orders.values():
            low, high = 1_000_000 // len(lines), -(-1_000_000 // len(lines))
            assert all(micro == 0 if returned else low <= micro <= high for micro, returned in lines)
            if not any(returned for _, returned in lines):
                assert sum(micro for micro, _ in lines) == 1_000_000


def _cells(batch: pa.RecordBatch, family: str) -> Iterable[tuple[Cell, list[int]]]:
    cells = zip(*(batch[name].to_pylist() for name in ("group", "id", "minute")), strict=True)
    return zip(cells, batch[family].to_pylist(), strict=True)


def told_by(events: list[OrderEvent], cuts: list[int], horizon_ms: int) -> Tally:
    """What a new book makes of events in this order, cut into batches at these places."""
    book, tally = OrderBook(horizon_ms, LATENESS_MS), Tally()
    bounds = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    for begin, end in pairwise(bounds):
        tally.take(book.absorb(batch_of(events[begin:end])))
    return tally


def rows_permuted(events: list[OrderEvent], seed: int) -> list[OrderEvent]:
    """The events in another order."""
    return [events[i] for i in np.random.default_rng(seed).permutation(len(events))]
