"""What users' events say of them as customers, in plain Python from the definitions, whatever their order."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

import pyarrow as pa

from schemas.dimensions import DIMENSIONS as SCHEMAS
from schemas.events import EVENT_SCHEMA
from schemas.metrics import EVENT_TIME_COUNTS, SCOPES
from transforms.attribution.touches import touches_of
from transforms.customers.payments import payments_of
from transforms.dimensions import DimensionRows
from transforms.event_view import EventView
from transforms.intake import ID_HASH
from transforms.metrics.session_facts import facts_of
from transforms.orders.events import order_events
from transforms.state.hashing import hash_strings

DAY_MS = 86_400_000
MINUTE_MS = 60_000
REPURCHASE_MS = 30 * DAY_MS
STAGES = ("known", "interested", "ordered", "repurchased")
LATENESS_MS = 3_600_000
MERCHANTS = {"i1": "m1", "i2": "m1", "i3": "m2", "i4": None}
CATEGORIES = {"i1": "tea", "i2": "tea", "i3": "pots", "i4": None}
"""`i5` has no row, no item has a brand, and the one creator that has a row has base and kind."""
DIMENSIONS = DimensionRows(
    {
        "items": pa.Table.from_pylist(
            [{"item_id": i, "merchant_id": MERCHANTS[i], "category_id": CATEGORIES[i]} for i in MERCHANTS],
            schema=SCHEMAS["items"],
        ),
        "creators": pa.Table.from_pylist(
            [{"creator_id": "k", "kind": "merchant", "base_id": "b0"}], schema=SCHEMAS["creators"]
        ),
    }
)
UNPUBLISHED = ("service_provider", "region")


class Live(NamedTuple):
    """A live event, which says to which campaign and base its session belongs."""

    event_id: str
    session: str
    time_ms: int
    campaign: str | None = None
    base: str | None = None


class Happening(NamedTuple):
    """A view, click or paid line of a user; a view without an item is an entry."""

    kind: str
    user: str
    item: str | None
    time_ms: int
    order: str = "o"
    amount: int = 1
    room: str = "r1"
    session: str = "s1"
    paid: str = "paid"
    creator: str | None = None

    @property
    def merchant(self) -> str:
        return _id_of(MERCHANTS, self.item)

    @property
    def category(self) -> str:
        return _id_of(CATEGORIES, self.item)

    def scopes(self, told: Iterable[Live] = ()) -> dict[int, str]:
        """The id that each published scope counts this event under, by the scope's number."""
        ids = {
            "platform": "all", "room": self.room, "session": self.session, "item": self.item, "creator": self.creator,
            "merchant": self.merchant, "category": self.category, "brand": _id_of(dict.fromkeys(MERCHANTS), self.item),
            "mcn": _id_of({"k": None}, self.creator),
            "base": self._said(told, "base") or _id_of({"k": "b0"}, self.creator),
            "fact_channel": "campaign" if self._said(told, "campaign") else self._channel(),
        }  # fmt: skip
        named = [(number, scope) for number, scope in enumerate(SCOPES) if scope not in UNPUBLISHED]
        return {number: ids.get(scope) or "none" for number, scope in named}

    def _channel(self) -> str:
        return {None: "shelf", "k": "field"}.get(self.creator, "unknown")

    def _said(self, told: Iterable[Live], field: str) -> str | None:
        """What the session's earliest live event that says it says, if it holds by now."""
        said = [live for live in told if live.session == self.session and getattr(live, field) is not None]
        first = min(said, key=lambda live: (live.time_ms, live.event_id), default=None)
        if first is None or self.time_ms // MINUTE_MS < (first.time_ms - LATENESS_MS) // MINUTE_MS:
            return None
        return str(getattr(first, field))


def _id_of(known: Any, item: str | None) -> str:
    if item is None:
        return "none"
    return (known[item] or "none") if item in known else "unknown"


def payments(happened: Iterable[Happening]) -> list[Happening]:
    return [each for each in happened if each.kind == "order" and each.paid == "paid"]


Cell = tuple[str, int, str, int]
"""Count, scope number, id, minute."""


def customer_counts(
    happened: Iterable[Happening], horizon_ms: int, lives: Iterable[Live] = ()
) -> dict[Cell, int]:
    """What new customers and those who come back pay and order; only what is not 0."""
    told = list(lives)
    counts: Counter[Cell] = Counter()
    orders: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    for name, each in _of_customers(payments(happened), horizon_ms):
        for scope, identifier in each.scopes(told).items():
            counts[f"{name}_gmv_minor", scope, identifier, each.time_ms // MINUTE_MS] += each.amount
            orders[f"{name}_orders", scope, identifier, each.user, each.order].add(each.time_ms)
    for (name, scope, identifier, *_), times in orders.items():
        for time in times:
            if not any(time - horizon_ms <= other < time for other in times):
                counts[name, scope, identifier, time // MINUTE_MS] += 1
    return {cell: count for cell, count in counts.items() if count}


def _of_customers(paid: list[Happening], horizon_ms: int) -> Iterator[tuple[str, Happening]]:
    shops: dict[tuple[str, str], list[Happening]] = defaultdict(list)
    for each in paid:
        shops[each.user, each.merchant].append(each)
    for bought in shops.values():
        before = None
        for purchase in sorted(
            _purchases(bought, horizon_ms), key=lambda lines: (lines[0].time_ms, lines[0].order)
        ):
            at_ms = purchase[0].time_ms
            if before is None:
                yield from (("new_customer", line) for line in purchase)
            elif at_ms - before <= REPURCHASE_MS:
                yield from (("repurchase", line) for line in purchase)
            before = at_ms


def _purchases(bought: list[Happening], horizon_ms: int) -> Iterator[list[Happening]]:
    for order in {each.order for each in bought}:
        lines = sorted((each for each in bought if each.order == order), key=lambda each: each.time_ms)
        cuts = [i for i in range(1, len(lines)) if lines[i].time_ms - lines[i - 1].time_ms > horizon_ms]
        yield from (lines[a:b] for a, b in pairwise([0, *cuts, len(lines)]))


Move = tuple[str, str, str]
"""Category, from ('' for the first), to."""


class Walked(NamedTuple):
    """How many made each move in all and by day, and twice the median of how long it took."""

    total: dict[Move, int]
    days: dict[tuple[int, Move], int]
    twice_medians: dict[Move, float]


def walked(happened: Iterable[Happening]) -> Walked:
    """Say of a set of events who moved from stage to stage; days begin at midnight, UTC."""
    took: dict[Move, list[int]] = defaultdict(list)
    total: Counter[Move] = Counter()
    days: Counter[tuple[int, Move]] = Counter()
    told = list(happened)
    for user, category in {(each.user, each.category) for each in told}:
        own = [each for each in told if (each.user, each.category) == (user, category)]
        origin, origin_ms = "", 0
        for stage, at_ms in _entered(_reached(own)):
            move = (category, origin, stage)
            total[move] += 1
            days[at_ms // DAY_MS * DAY_MS, move] += 1
            if origin:
                took[move].append(at_ms - origin_ms)
            origin, origin_ms = stage, at_ms
    return Walked(dict(total), dict(days), {move: 2 * median(times) for move, times in took.items()})


def _reached(own: list[Happening]) -> dict[str, int]:
    first = {
        kind: min((e.time_ms for e in own if e.kind == kind), default=None) for kind in ("view", "click")
    }
    orders: dict[str, int] = {}
    for each in payments(own):
        orders[each.order] = min(each.time_ms, orders.get(each.order, each.time_ms))
    moments = [first["view"], first["click"], *sorted(orders.values())[:2]]
    return {stage: at for stage, at in zip(STAGES, moments, strict=False) if at is not None}


def _entered(reached: dict[str, int]) -> list[tuple[str, int]]:
    return [
        (stage, at_ms)
        for place, stage in enumerate(STAGES)
        if (at_ms := reached.get(stage)) is not None
        and all(reached.get(later, at_ms) >= at_ms for later in STAGES[place + 1 :])
    ]


def batches_of(happened: list[Happening]) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The touches and payments that the users' books take, by way of the steps that make them."""
    rows = [
        {
            "event_id": f"e{number}", "event_type": e.kind, "event_time": e.time_ms, "user_id": e.user, "item_id": e.item,
            "room_id": e.room, "session_id": e.session, "creator_id": e.creator,
            **({"order_id": e.order, "order_status": e.paid, "amount_minor": e.amount} if e.kind == "order" else {}),
        }
        for number, e in enumerate(happened)
    ]  # fmt: skip
    batch = pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA)
    ids = pa.array(hash_strings([row["event_id"] for row in rows]))
    view = EventView(batch.append_column(ID_HASH, ids))
    return touches_of(view, DIMENSIONS), payments_of(order_events(view, DIMENSIONS), view, DIMENSIONS)


def facts_batch(lives: list[Live]) -> pa.RecordBatch:
    """Live events as the customer book takes them, by way of the step that makes them."""
    rows = [
        {
            "event_id": live.event_id, "event_type": "live", "event_time": live.time_ms, "session_id": live.session,
            "campaign_id": live.campaign, "base_id": live.base, "live_status": "started",
        }
        for live in lives
    ]  # fmt: skip
    return facts_of(EventView(pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA)))


def cells_of(sums: pa.RecordBatch) -> Iterator[tuple[Cell, int]]:
    """What partial sums say of each count."""
    columns = (sums[name].to_pylist() for name in ("group", "id", "minute", "e"))
    for scope, identifier, minute, adds in zip(*columns, strict=True):
        yield from (
            ((name, scope, identifier, minute), add)
            for name, add in zip(EVENT_TIME_COUNTS, adds, strict=True)
        )


class Tally(Counter[Cell]):
    """Sums what a book says of customers."""

    def take(self, sums: pa.RecordBatch) -> None:
        for cell, add in cells_of(sums):
            self[cell] += add

    def nonzero(self) -> dict[Cell, int]:
        return {cell: count for cell, count in self.items() if count}
