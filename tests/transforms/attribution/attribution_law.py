"""Who earned what, said in plain Python from the definitions, for touches and order lines as they finally stand."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from schemas.events import EVENT_SCHEMA
from transforms.attribution.touches import merchant_hashes, places, touches_of
from transforms.dimensions import DimensionRows, conformed
from transforms.event_view import EventView
from transforms.state.hashing import hash_strings

DAY = 86_400_000
MERCHANTS = {"i1": "m1", "i2": "m1", "i3": "m2"}
ITEMS = pa.table({"item_id": list(MERCHANTS), "merchant_id": list(MERCHANTS.values())})
DIMENSIONS = DimensionRows({"items": conformed(ITEMS, "items")})
"""`i4` is in no dimension: it is a merchant of its own."""
DIRECT = (None, "traffic_source", "direct")


class Touch(NamedTuple):
    """A view or click as it comes; ghosts (`holdout`) are exposures that were kept out."""

    event_id: str
    kind: str
    time_ms: int
    user: str
    place: tuple[str, str] | None
    item: str | None
    coupon: str | None = None
    ad_plan: str | None = None
    campaign: str | None = None
    source: str | None = None
    holdout: bool | None = None

    @property
    def channel(self) -> tuple[str, str]:
        named = {"coupon": self.coupon, "ad_plan": self.ad_plan, "campaign": self.campaign}
        paid = [(channel, id_) for channel, id_ in named.items() if id_ is not None]
        return paid[0] if paid else ("traffic_source", self.source or "none")


class Line(NamedTuple):
    """An order line as it stands at some moment."""

    user: str
    order_id: str
    item: str
    pay_time_ms: int
    net_minor: int
    micro_orders: int
    place: tuple[str, str] | None


Credit = tuple[int, int, int, list[tuple[str | None, str, str]], dict[str, list[int]]]


def credit_of(line: Line, touches: Iterable[Touch]) -> Credit:
    """The credit record that a line must end up with."""
    eligible = sorted(
        (touch for touch in touches if _is_eligible(touch, line)),
        key=lambda t: (t.time_ms, t.event_id.encode()),
    )
    shown = [(touch.event_id, *touch.channel) for touch in eligible] or [DIRECT]
    credits = {
        "last_touch": last_touch(line.net_minor, len(shown)),
        "linear": linear(line.net_minor, len(shown)),
    }
    return line.pay_time_ms, line.net_minor, line.micro_orders, shown, credits


def _is_eligible(touch: Touch, line: Line) -> bool:
    age = line.pay_time_ms - touch.time_ms
    merchant_of = {**MERCHANTS, "i4": "own"}
    return (
        touch.user == line.user
        and not (touch.holdout and touch.kind == "view")
        and 0 <= age <= (7 * DAY if touch.kind == "click" else DAY)
        and (
            (touch.place is not None and touch.place == line.place)
            or (touch.item is not None and merchant_of[touch.item] == merchant_of[line.item])
        )
    )


def last_touch(amount: int, count: int) -> list[int]:
    return [0] * (count - 1) + [amount]


def linear(amount: int, count: int) -> list[int]:
    """Hand the amount out by units, one after another from the earliest on: even, the rest to the earlier."""
    turns = Counter(unit % count for unit in range(amount % count))
    return [amount // count + turns[position] for position in range(count)]


Total = tuple[int, str, int]
"""Model number, channel and id as one text, minute of the payment."""


def totals_of(lines: Iterable[Line], touches: list[Touch]) -> dict[Total, tuple[int, int]]:
    """What every channel earned: minor units and millionths of orders; zeros left out."""
    money: Counter[Total] = Counter()
    orders: Counter[Total] = Counter()
    for line in lines:
        pay_time_ms, _, micro_orders, shown, credits = credit_of(line, touches)
        for model, (name, rule) in enumerate({"last_touch": last_touch, "linear": linear}.items()):
            shares = rule(micro_orders, len(shown))
            for (_, *channel), minor, micro in zip(shown, credits[name], shares, strict=True):
                cell = (model, "\x1f".join(channel), pay_time_ms // 60_000)
                money[cell] += minor
                orders[cell] += micro
    return {cell: (money[cell], orders[cell]) for cell in money | orders if money[cell] or orders[cell]}


def touch_batch(touches: list[Touch]) -> pa.RecordBatch:
    """Touches as the book takes them, by way of the step that makes them of events."""
    rows = [
        {
            "event_id": t.event_id, "event_type": t.kind, "event_time": t.time_ms, "user_id": t.user, "item_id": t.item,
            "room_id": t.place and t.place[0], "session_id": t.place and t.place[1], "coupon_id": t.coupon,
            "ad_plan_id": t.ad_plan, "campaign_id": t.campaign, "traffic_source": t.source, "holdout": t.holdout,
        }
        for t in touches
    ]  # fmt: skip
    return touches_of(EventView(pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA)), DIMENSIONS)


def line_batch(lines: list[Line]) -> pa.RecordBatch:
    """Lines as the order book tells them."""
    rows = [
        {
            "room_id": line.place and line.place[0],
            "session_id": line.place and line.place[1],
            "item_id": line.item,
        }
        for line in lines
    ]
    events = EventView(pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA))
    return pa.record_batch(
        {
            "line": hash_strings([f"{line.order_id}/{line.item}" for line in lines]),
            "user": hash_strings([line.user for line in lines]),
            "order_id": [line.order_id for line in lines],
            "item_id": [line.item for line in lines],
            "pay_time_ms": np.array([line.pay_time_ms for line in lines], np.int64),
            "net_minor": np.array([line.net_minor for line in lines], np.int64),
            "micro_orders": np.array([line.micro_orders for line in lines], np.int64),
            "room": places(events.hashes("room_id"), events.hashes("session_id")),
            "merchant": merchant_hashes(events, np.arange(len(lines)), DIMENSIONS),
        }
    )
