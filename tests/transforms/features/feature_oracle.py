"""Feature values by brute force over raw events: every event looked at for every value, in plain Python."""

from collections import Counter
from collections.abc import Callable
from statistics import fmean
from typing import Any

from shop_events import CATEGORY, MERCHANT, PRICE, Row

from transforms.features.aggregations import (
    Aggregation,
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

STAGE = {"view": 1, "click": 2, "order.paid": 3}
UNITS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


def length(text: str) -> int:
    return int(text[:-1]) * UNITS[text[-1]]


def names_of(row: Row) -> set[str]:
    """What a view's on= may call an event."""
    if row["event_type"] == "view":
        if row.get("holdout"):
            return set()
        return {"view", "entry" if row.get("item_id") is None else "impression"}
    return {f"order.{row['order_status']}" if row["event_type"] == "order" else row["event_type"]}


def field_of(row: Row, name: str) -> Any:
    item = row.get("item_id")
    derived: dict[str, Callable[[], Any]] = {
        "category_id": lambda: CATEGORY.get(item), "merchant_id": lambda: MERCHANT.get(item),
        "list_price_minor": lambda: PRICE.get(item), "event_time_ms": lambda: row["event_time"],
        "has_coupon": lambda: int(row.get("coupon_id") is not None), "is_new": lambda: 0,
        "hour": lambda: row["event_time"] // 3_600_000 % 24,
        "stage": lambda: max((STAGE[name] for name in names_of(row) if name in STAGE), default=None),
    }  # fmt: skip
    return derived[name]() if name in derived else row.get(name)


def net_lines(rows: list[Row]) -> list[Row]:
    """Paid lines that are neither cancelled nor wholly refunded, as their first payments with what is left of them."""
    lines: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["event_type"] == "order":
            lines.setdefault((row["order_id"], row["item_id"]), []).append(row)
    out = []
    for events in lines.values():
        paid = [row for row in events if row["order_status"] == "paid"]
        refunded = [row["amount_minor"] for row in events if row["order_status"] == "refunded"]
        if not paid or any(row["order_status"] == "cancelled" for row in events):
            continue
        left = sum(row["amount_minor"] for row in paid) - sum(refunded)
        if sum(refunded) > 0 and left <= 0:
            continue
        out.append(min(paid, key=lambda row: row["event_time"]) | {"amount_minor": left})
    return out


class Oracle:
    """The events that have arrived, and what a view's values are by them."""

    def __init__(self, rows: list[Row]) -> None:
        distinct = {row["event_id"]: row for row in rows}
        self.raw = sorted(distinct.values(), key=lambda row: row["event_time"])
        self.net = net_lines(self.raw)

    def of(self, entity: tuple[str, ...], ids: tuple[str, ...]) -> "Oracle":
        """The same, of one entity only."""
        out = Oracle([])
        out.raw, out.net = (
            [row for row in rows if tuple(field_of(row, name) for name in entity) == ids]
            for rows in (self.raw, self.net)
        )
        return out

    def by(self, entity: tuple[str, ...]) -> "dict[tuple[str, ...], Oracle]":
        """The same of every entity of a kind, in one pass."""
        out: dict[tuple[str, ...], Oracle] = {}
        for rows, name in ((self.raw, "raw"), (self.net, "net")):
            for row in rows:
                ids = tuple(field_of(row, field) for field in entity)
                if None not in ids:
                    held = out.get(ids)
                    if held is None:
                        held = out[ids] = Oracle([])
                    getattr(held, name).append(row)
        return out

    def taken(self, view: FeatureView, part: Aggregation, since_ms: int, *, net: bool) -> list[Row]:
        on = set(part.events or view.on)
        rows = self.raw
        if net and "order.paid" in on:
            rows = [row for row in rows if names_of(row) != {"order.paid"}] + self.net
        kept = [row for row in rows if names_of(row) & on and row["event_time"] >= since_ms]
        return [row for row in kept if not part.where or field_of(row, part.where)]

    def numbers(self, view: FeatureView, part: Any, since_ms: int, *, net: bool = True) -> list[Any]:
        values = [field_of(row, part.field) for row in self.taken(view, part, since_ms, net=net)]
        return [value for value in values if value is not None]

    def total(self, view: FeatureView, part: Any, since_ms: int) -> int:
        if isinstance(part, Count):
            return len(self.taken(view, part, since_ms, net=True))
        return sum(self.numbers(view, part, since_ms))

    def agrees(self, view: FeatureView, part: Any, window: str, at_ms: int, value: Any) -> bool:
        """Whether a value is what brute force says, or within the error that its kind states."""
        span, tile = length(window), view.tile_ms(window)
        since = (at_ms - span) // tile * tile
        if isinstance(part, Count | Sum):
            exact = self.total(view, part, since)
            ends = (self.total(view, part, at_ms - span), self.total(view, part, at_ms - span - tile))
            sandwiched = not isinstance(part, Count) or ends[0] <= value <= ends[1]
            return bool(value == exact and sandwiched)
        if isinstance(part, Mean):
            held = self.numbers(view, part, since)
            return close(value, fmean(held) if held else None)
        if isinstance(part, Min | Max):
            held = self.numbers(view, part, since, net=False)
            return bool(value == ((min if isinstance(part, Min) else max)(held) if held else None))
        if isinstance(part, Since):
            rows = self.taken(view, part, since, net=False)
            return bool(value == (at_ms - max(row["event_time"] for row in rows) if rows else None))
        if isinstance(part, Last):
            return bool(value == self.numbers(view, part, at_ms - span, net=False)[::-1][: part.n])
        if isinstance(part, First):
            return bool(value == (self.numbers(view, part, since, net=False) or [None])[0])
        if isinstance(part, Ratio):
            one, other = self.total(view, part.one, since), self.total(view, part.other, since)
            under = other + sum(part.prior)
            return close(value, part.scale * (one + part.prior[0]) / under if under > 0 else None)
        if isinstance(part, Slope):
            before = (at_ms - 2 * span) // tile * tile
            now = self.total(view, part.of, since)
            earlier = self.total(view, part.of, before) - now
            return close(value, (now - earlier) / (span / 60_000))
        return self._agrees_roughly(view, part, since, tile, at_ms, value)

    def _agrees_roughly(
        self, view: FeatureView, part: Any, since: int, tile: int, at_ms: int, value: Any
    ) -> bool:
        if isinstance(part, DistinctCount):
            true = len(set(self.numbers(view, part, since, net=False)))
            return bool(abs(value - true) <= max(2, 0.13 * true))
        if isinstance(part, TopK):
            counts = Counter(self.numbers(view, part, since))
            return bool(value == sorted(counts, key=lambda each: (-counts[each], each))[: part.k])
        if isinstance(part, Quantile):
            held = sorted(self.numbers(view, part, since))
            if not held:
                return value is None
            true = held[max(-(-len(held) * int(part.q * 1000) // 1000), 1) - 1]
            return bool(abs(value - true) <= 0.02 * true + 1e-9)
        assert isinstance(part, Decayed)
        half = length(part.half_life)
        rows = self.taken(view, part.of, since, net=True)
        weights = [0.5 ** ((at_ms - row["event_time"]) / half) for row in rows]
        sizes = [1 if isinstance(part.of, Count) else field_of(row, part.of.field) for row in rows]
        true, error = sum(w * size for w, size in zip(weights, sizes, strict=True)), 2 ** (tile / 2 / half)
        return bool(true / error - 1e-6 <= value <= true * error + 1e-6)


def close(value: Any, expected: Any) -> bool:
    if value is None or expected is None:
        return value is expected
    return bool(abs(value - expected) <= 1e-9 * max(1.0, abs(expected)))
