"""Few users, items and rooms, so that everything meets: what a generator of plausible shops hardly ever makes.

Orders of several lines in several rooms, lines paid in parts, refunds before their payment, beyond it and without
one, touches at the very edge of their window and at the very moment of payment, ties in time, ghost exposures,
events without room, session, creator, item or traffic source, and ids that came before.
"""

import json
import random
from pathlib import Path
from typing import Any

DAY_MS = 86_400_000
START_MS = 1_781_800_000_000
SPAN_MS = 10 * DAY_MS
Event = dict[str, Any]


def write_dense(path: Path, count: int, seed: int) -> Path:
    """Write about `count` events in order of time; one arrival in fifty is an id that came before."""
    draw = random.Random(seed)
    events = sorted(_events(draw, count), key=lambda event: event["event_time"])
    arrivals: list[Event] = []
    for number, event in enumerate(events):
        # Ids are no order: ties in time must be broken by comparing them.
        arrivals.append(event | {"event_id": f"e{draw.randrange(16**6):06x}-{number}"})
        if number % 50 == 49:
            recent = [each for each in arrivals[-20:] if each["event_time"] > event["event_time"] - 3_600_000]
            arrivals.append(draw.choice(recent))
    path.write_text("".join(json.dumps(event) + "\n" for event in arrivals), encoding="utf-8")
    return path


def _events(draw: random.Random, count: int) -> list[Event]:
    events: list[Event] = []
    while len(events) < count:
        draw.choices((_touch, _order, _follow), (6, 3, 1))[0](draw, events)
    return events


def _where(draw: random.Random) -> Event:
    where: Event = {"user_id": f"u{draw.randrange(4)}"}
    room = draw.randrange(4)
    if room < 3:
        where |= {"room_id": f"r{room}", "creator_id": f"c{room % 2}"}
        if draw.random() < 0.9:
            where["session_id"] = f"s{room}-{draw.randrange(2)}"
    if draw.random() < 0.9:
        where["traffic_source"] = draw.choice(("recommend", "search", "coupon", "qianchuan", "campaign"))
    for name, share in (("coupon_id", 0.2), ("ad_plan_id", 0.2), ("campaign_id", 0.2)):
        if draw.random() < share:
            where[name] = f"{name[:2]}{draw.randrange(3)}"
    return where


def _time(draw: random.Random) -> int:
    return START_MS + draw.randrange(SPAN_MS)


def _touch(draw: random.Random, events: list[Event]) -> None:
    event = _where(draw) | {"event_time": _time(draw), "event_type": draw.choice(("view", "view", "click"))}
    if event["event_type"] == "click" or draw.random() < 0.7:
        event["item_id"] = f"i{draw.randrange(6)}"
    if event["event_type"] == "view":
        event |= {"dwell_ms": draw.randrange(5000)} if draw.random() < 0.5 else {}
        event |= {"holdout": draw.random() < 0.5} if draw.random() < 0.3 else {}
    events.append(event)


def _follow(draw: random.Random, events: list[Event]) -> None:
    events.append(_where(draw) | {"event_time": _time(draw), "event_type": "follow"})


def _order(draw: random.Random, events: list[Event]) -> None:
    """Place an order's lines, pay most of them, and refund some: too early, too much, or what was never paid."""
    order, buyer, begin = f"o{len(events)}", _where(draw), _time(draw)
    for item in draw.sample(range(6), draw.choice((1, 1, 2, 3))):
        at = begin + draw.randrange(3 * 60_000)
        line = {"event_type": "order", "order_id": order, "item_id": f"i{item}", "currency": "CNY"}
        line |= (_where(draw) | {"user_id": buyer["user_id"]}) if draw.random() < 0.2 else buyer
        amount, quantity = draw.randrange(1, 1000), draw.randrange(1, 4)

        def add(status: str, time_ms: int, minor: int, line: Event = line, quantity: int = quantity) -> None:
            money = {
                "order_status": status,
                "event_time": time_ms,
                "amount_minor": minor,
                "quantity": quantity,
            }
            events.append(line | money)

        if draw.random() < 0.8:
            add("placed", at, amount)
        if draw.random() < 0.85:
            pay_ms = at + draw.randrange(1, 90_000)
            parts = draw.choice((1, 1, 1, 2))
            for part in range(parts):
                add("paid", pay_ms + part * 40_000, amount // parts)
            _edges(draw, events, line, pay_ms)
            add(draw.choice(("shipped", "delivered")), pay_ms + 1000, amount)
        for _ in range(draw.choice((0, 0, 0, 1, 2))):
            add(
                "refunded",
                at + draw.randrange(-3_600_000, 2 * DAY_MS),
                draw.choice((amount, amount // 3 + 1, amount * 2)),
            )
        if draw.random() < 0.2:
            add("cancelled", at + draw.randrange(DAY_MS), amount)


def _edges(draw: random.Random, events: list[Event], line: Event, pay_ms: int) -> None:
    """Touch the line just inside and just outside its windows, and twice at one moment."""
    kind = draw.choice(("view", "click"))
    window = DAY_MS if kind == "view" else 7 * DAY_MS
    touch = _where(draw) | {"event_type": kind, "item_id": line["item_id"], "user_id": line["user_id"]}
    for age in draw.sample((window, window + 1, 0, -1, 5000, 5000), 2):
        events.append(touch | {"event_time": pay_ms - age})
