"""Who earned what, said in plain Python from the definitions, for touches and order lines as they finally stand."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import product
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
"""`i4` is in no dimension: it is a merchant of its own."""


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
    creator: str | None = None

    @property
    def channel(self) -> tuple[str, str]:
        named = {"coupon": self.coupon, "ad_plan": self.ad_plan, "campaign": self.campaign}
        paid = [(channel, id_) for channel, id_ in named.items() if id_ is not None]
        return paid[0] if paid else ("traffic_source", self.source or "none")

    @property
    def is_paid(self) -> bool:
        return self.channel[0] != "traffic_source"


class Line(NamedTuple):
    """An order line as it stands at some moment."""

    user: str
    order_id: str
    item: str
    pay_time_ms: int
    net_minor: int
    micro_orders: int
    place: tuple[str, str] | None
    is_new: bool = False
    """Of a user's first order with the merchant."""


WINDOWS = {
    "click_30m": ({"click": 30 * 60_000}, True),
    "click_7d_view_1d": ({"click": 7 * DAY, "view": DAY}, False),
    "click_1d": ({"click": DAY}, False),
    "click_3d": ({"click": 3 * DAY}, False),
    "click_15d": ({"click": 15 * DAY}, False),
    "click_30d": ({"click": 30 * DAY}, False),
}
"""How old each kind of touch may be, and whether it must be in the order's own broadcast."""
FURTHER = ("fact_channel", "creator", "mcn", "merchant")
CREATORS = {"c1": ("top_kol", "h1"), "c2": ("merchant", None), "c3": ("creator", "h1"), "c4": (None, "h2")}
"""Kind and MCN; `c5` is in no dimension."""
_KINDS, _HOUSES = zip(*CREATORS.values(), strict=True)
TABLES = {
    "items": pa.table({"item_id": list(MERCHANTS), "merchant_id": list(MERCHANTS.values())}),
    "creators": pa.table({"creator_id": list(CREATORS), "kind": _KINDS, "mcn_id": _HOUSES}),
}
DIMENSIONS = DimensionRows({name: conformed(table, name) for name, table in TABLES.items()})

Told = tuple[str, str, str, int, int]
"""event id, channel, id, age, and what it is: 1 clicked, 2 in the order's broadcast, 4 paid for."""
Credit = tuple[int, int, int, list[Told]]


def credit_of(line: Line, touches: Iterable[Touch], windows: Sequence[str] = ("click_7d_view_1d",)) -> Credit:
    """The credit record that a line must end up with: what any of the windows counts."""
    counted = {t.event_id: t for window in windows for t in eligible(line, touches, window)}
    told = [
        (
            t.event_id,
            *t.channel,
            line.pay_time_ms - t.time_ms,
            (t.kind == "click") + 2 * is_direct(t, line) + 4 * t.is_paid,
        )
        for t in in_order(counted.values())
    ]
    return line.pay_time_ms, line.net_minor, line.micro_orders, told


def in_order(touches: Iterable[Touch]) -> list[Touch]:
    return sorted(touches, key=lambda t: (t.time_ms, t.event_id.encode()))


def is_direct(touch: Touch, line: Line) -> bool:
    return touch.place is not None and touch.place == line.place


def eligible(line: Line, touches: Iterable[Touch], window: str) -> list[Touch]:
    """The touches that a line may credit in a window, in order of time."""
    oldest, in_room = WINDOWS[window]
    merchant_of = {**MERCHANTS, "i4": "own"}
    return in_order(
        touch
        for touch in touches
        if touch.user == line.user
        and not (touch.holdout and touch.kind == "view")
        and 0 <= line.pay_time_ms - touch.time_ms <= oldest.get(touch.kind, -1)
        and (
            is_direct(touch, line)
            or (not in_room and touch.item is not None and merchant_of[touch.item] == merchant_of[line.item])
        )
    )


def by_largest_remainder(amount: int, weights: list[Fraction]) -> list[int]:
    exact = [amount * weight / sum(weights) for weight in weights]
    parts = [int(share) for share in exact]
    by_rest = sorted(range(len(parts)), key=lambda n: (parts[n] - exact[n], n))
    for n in by_rest[: amount - sum(parts)]:
        parts[n] += 1
    return parts


def weights_of(model: str, touches: list[Touch], pay_time_ms: int, in_room: bool) -> list[Fraction]:
    """In what proportion a model credits touches, from the words of the specification."""
    count = len(touches)
    only = lambda n: [Fraction(int(place == n)) for place in range(count)]  # noqa: E731
    if model == "last_touch":
        return only(count - 1)
    if model == "first_touch":
        return only(0)
    if model == "last_paid_touch":
        return only(max([n for n, touch in enumerate(touches) if touch.is_paid], default=count - 1))
    if model == "time_decay":
        half_life = 600_000 if in_room else 7 * DAY
        with localcontext(prec=60):
            return [Fraction(Decimal(2) ** (Decimal(t.time_ms - pay_time_ms) / half_life)) for t in touches]
    if model == "position" and count > 2:
        return [Fraction(2, 5), *[Fraction(1, 5) / (count - 2)] * (count - 2), Fraction(2, 5)]
    return [Fraction(1)] * count


MODELS = ("last_touch", "linear", "first_touch", "last_paid_touch", "time_decay", "position")
Share = tuple[Touch | None, int, int]
"""A touch, None where there is none, and what it gets in minor units and in millionths of orders."""


def shares_of(line: Line, touches: Iterable[Touch], window: str, model: str) -> list[Share]:
    """What a line gives to which touch."""
    counted = eligible(line, touches, window)
    if not counted:
        return [(None, line.net_minor, line.micro_orders)]
    weights = weights_of(model, counted, line.pay_time_ms, WINDOWS[window][1])
    split = (by_largest_remainder(amount, weights) for amount in (line.net_minor, line.micro_orders))
    return list(zip(counted, *split, strict=True))


def owners_of(touch: Touch | None) -> dict[str, str]:
    """The further channels of a touch."""
    if touch is None:
        return dict.fromkeys(FURTHER, "direct")
    kind, mcn = CREATORS.get(touch.creator or "", (None, None))
    known = touch.creator is None or touch.creator in CREATORS
    fact = {"top_kol": "top_kol", "merchant": "field", "creator": "alliance"}.get(kind or "", "unknown")
    return {
        "fact_channel": "campaign" if touch.campaign else "shelf" if touch.creator is None else fact,
        "creator": touch.creator or "none",
        "mcn": (mcn or "none") if known else "unknown",
        "merchant": "none" if touch.item is None else MERCHANTS.get(touch.item, "unknown"),
    }


Total = tuple[str, str, str, int]
"""Window, model, channel and id as one text, minute of the payment."""
Sums = tuple[int, int, int, int]
"""Minor units, millionths of orders, minor units that are direct, minor units of new customers."""


def totals_of(lines: Iterable[Line], touches: list[Touch], windows: Sequence[str]) -> dict[Total, Sums]:
    """What every channel, and every further one, earned; zeros left out."""
    sums: defaultdict[Total, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for line, window, model in product(lines, windows, MODELS):
        for touch, minor, micro in shares_of(line, touches, window, model):
            channel = touch.channel if touch else ("traffic_source", "direct")
            direct = minor if touch and is_direct(touch, line) else 0
            for name in (channel, *owners_of(touch).items()):
                cell = sums[window, model, "\x1f".join(name), line.pay_time_ms // 60_000]
                for place, more in enumerate((minor, micro, direct, minor if line.is_new else 0)):
                    cell[place] += more
    return {name: (cell[0], cell[1], cell[2], cell[3]) for name, cell in sums.items() if any(cell)}


def touch_batch(touches: list[Touch]) -> pa.RecordBatch:
    """Touches as the book takes them, by way of the step that makes them of events."""
    rows = [
        {
            "event_id": t.event_id, "event_type": t.kind, "event_time": t.time_ms, "user_id": t.user, "item_id": t.item,
            "room_id": t.place and t.place[0], "session_id": t.place and t.place[1], "coupon_id": t.coupon,
            "ad_plan_id": t.ad_plan, "campaign_id": t.campaign, "traffic_source": t.source, "holdout": t.holdout,
            "creator_id": t.creator,
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
