"""Seeded events of a small world, made so that every rule of the catalogue has its edges met.

Orders of several lines in several rooms and of several merchants, lines paid in parts and at one moment,
refunds before their payment, beyond it, without one and at the very end of the horizon; customers who come
back at the very edge of 30 days; launches at the moment of a payment; broadcasts over midnight whose `live`
events tell their campaign and base late, twice or never; moments at midnights, changes of the clock and the
edges of minutes; ghost exposures; absent fields; ids that came before, some with another body; events up to
the allowed lateness behind, and some beyond it.
"""

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nasty_world import CAMPAIGNS, CREATORS, ITEMS, ROOMS, USERS, World, launches_ms
from oracle_terms import DAY_MS, Terms

Event = dict[str, Any]
_HOUR_MS = 3_600_000


def nasty_arrivals(world: World, count: int, seed: int) -> list[Event]:
    """Return about so many events in the order in which they arrive."""
    story = _Story(world, random.Random(seed))
    while len(story.events) < count:
        story.go_on()
    events = sorted(story.events, key=lambda event: int(event["event_time"]))
    draw = random.Random(seed + 1)
    # Ids are no order: ties in time must be broken by comparing them.
    named = [
        event | {"event_id": f"{draw.randrange(16**6):06x}-{place}"} for place, event in enumerate(events)
    ]
    return _disordered(draw, named, world.terms())


def write_arrivals(path: Path, arrivals: Iterable[Event]) -> Path:
    """Write events as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(event) + "\n" for event in arrivals), encoding="utf-8")
    return path


def _disordered(draw: random.Random, events: list[Event], terms: Terms) -> list[Event]:
    """Delay most a little, some up to what is allowed and a few beyond it; repeat some, a few with another body."""
    coming: list[tuple[int, Event]] = []
    for event in events:
        longest = draw.choices(
            (20_000, terms.allowed_lateness_ms, 3 * terms.allowed_lateness_ms), (70, 28, 2)
        )[0]
        at_ms = int(event["event_time"]) + draw.randrange(longest)
        coming.append((at_ms, event))
        if draw.random() < 0.04:
            again = event | {"traffic_source": "share"} if draw.random() < 0.2 else event
            coming.append((at_ms + draw.randrange(2 * _HOUR_MS), again))
    return [event for _, event in sorted(coming, key=lambda arrival: arrival[0])]


class _Story:
    """Adds events of one kind or another."""

    def __init__(self, world: World, draw: random.Random) -> None:
        self.events: list[Event] = []
        self._world, self._draw = world, draw
        self._launches = launches_ms(world)
        self._sessions = {room: [f"{room}-{number}" for number in range(3)] for room in ROOMS}
        for sessions in self._sessions.values():
            for session in sessions:
                self._broadcast(session)

    def go_on(self) -> None:
        """Tell one more thing that happened."""
        self._draw.choices(
            (self._touch, self._order, self._customer, self._follow, self._coupon), (8, 4, 1, 1, 0.3)
        )[0]()

    def _moment(self) -> int:
        draw, world = self._draw, self._world
        if draw.random() < 0.3:
            near = draw.choice((-60_001, -60_000, -1, 0, 1, 59_999, 60_000, _HOUR_MS - 1, _HOUR_MS))
            return draw.choice(world.magnets_ms) + near
        return world.begin_ms + draw.randrange(world.span_ms)

    def _broadcast(self, session: str) -> None:
        """Begin and end a broadcast; what it belongs to is said at once, later, twice or never."""
        draw, begin_ms = self._draw, self._moment()
        base: Event = {"event_type": "live", "room_id": session[:2], "session_id": session}
        for offset_ms in (0, *draw.sample((1, 60_000, _HOUR_MS, 7 * _HOUR_MS), draw.randrange(3))):
            told = {"campaign_id": draw.choice(CAMPAIGNS)} if draw.random() < 0.4 else {}
            told |= {"base_id": draw.choice(("base0", "base9"))} if draw.random() < 0.5 else {}
            if draw.random() < 0.3:
                told["user_id"] = draw.choice(USERS)
            live = {"event_time": begin_ms + offset_ms, "live_status": "ended" if offset_ms else "started"}
            self.events.append(base | told | live)
        edge_ms = begin_ms - self._world.terms().allowed_lateness_ms
        for at_ms in draw.sample((edge_ms - 1, edge_ms, edge_ms + 1, begin_ms - 1, begin_ms), 3):
            here = {"event_type": "click", "event_time": at_ms, "item_id": draw.choice(ITEMS)}
            self.events.append(self._where() | here | {"room_id": session[:2], "session_id": session})

    def _where(self) -> Event:
        draw = self._draw
        where: Event = {"user_id": draw.choice(USERS)}
        if draw.random() < 0.8:
            room = draw.choice(ROOMS)
            where |= {"room_id": room, "creator_id": draw.choice(CREATORS)}
            if draw.random() < 0.9:
                where["session_id"] = draw.choice(self._sessions[room])
            if draw.random() < 0.1:
                del where["creator_id"]
        if draw.random() < 0.9:
            where["traffic_source"] = draw.choice(("recommend", "search", "coupon", "qianchuan", "campaign"))
        if draw.random() < 0.15:
            where["campaign_id"] = draw.choice(CAMPAIGNS)
        return where

    def _touch(self) -> None:
        draw = self._draw
        event = self._where() | {
            "event_time": self._moment(),
            "event_type": draw.choice(("view", "view", "click")),
        }
        if event["event_type"] == "click" or draw.random() < 0.6:
            event["item_id"] = draw.choice(ITEMS)
        if event["event_type"] == "view" or draw.random() < 0.2:
            event |= {"dwell_ms": draw.randrange(5000)} if draw.random() < 0.5 else {}
            event |= {"holdout": draw.random() < 0.5} if draw.random() < 0.3 else {}
        self.events.append(event)

    def _follow(self) -> None:
        """Follow someone, now and then from an item."""
        odd = {"item_id": self._draw.choice(ITEMS)} if self._draw.random() < 0.3 else {}
        self.events.append(self._where() | odd | {"event_time": self._moment(), "event_type": "follow"})

    def _coupon(self) -> None:
        details = {"event_type": "coupon", "coupon_id": "cp0", "creator_id": self._draw.choice(CREATORS)}
        coupon = self._where() | details | {"event_time": self._moment(), "coupon_status": "granted"}
        if self._draw.random() < 0.5:
            del coupon["user_id"]
        self.events.append(coupon)

    def _order(self) -> None:
        """Place an order's lines, pay most of them, and refund some: too early, too much, or what was never paid."""
        draw, buyer, begin_ms = self._draw, self._where(), self._moment()
        order = f"o{draw.randrange(16**5):05x}"
        for item in draw.sample(ITEMS, draw.choice((1, 1, 2, 3))):
            elsewhere = self._where() | {"user_id": buyer["user_id"]}
            line = (elsewhere if draw.random() < 0.3 else buyer) | {"order_id": order, "item_id": item}
            self._line(line, self._launches.get(item) if draw.random() < 0.3 else None, begin_ms)

    def _line(self, line: Event, launched_ms: int | None, begin_ms: int) -> None:
        draw = self._draw
        amount, quantity = draw.choice((0, draw.randrange(1, 1000))), draw.randrange(1, 4)
        placed_ms = begin_ms + draw.randrange(3 * 60_000)
        if launched_ms is not None:
            placed_ms = launched_ms + draw.choice((-1, 0, 30 * DAY_MS, 30 * DAY_MS + 1)) - 1000
        if draw.random() < 0.8:
            self._status(line, "placed", placed_ms, amount, quantity)
        paid_ms = placed_ms + 1000
        if draw.random() < 0.85:
            parts = draw.choice((1, 1, 1, 2))
            for part in range(parts):
                # Nothing says which of two parts of one moment is the first, so these are of one room.
                elsewhere, later_ms = draw.choice((({}, 0), ({"room_id": draw.choice(ROOMS)}, 40_000)))
                there = line | elsewhere if part else line
                self._status(there, "paid", paid_ms + part * later_ms, amount // parts, quantity)
            self._status(line, draw.choice(("shipped", "delivered")), paid_ms + 1000, amount, quantity)
        for _ in range(draw.choice((0, 0, 0, 1, 2))):
            offset = draw.choice((-_HOUR_MS, -1, 0, _HOUR_MS, 2 * DAY_MS, 30 * DAY_MS, 30 * DAY_MS + 1))
            self._status(
                line,
                "refunded",
                paid_ms + offset,
                draw.choice((amount, amount // 3 + 1, amount * 2)),
                quantity,
            )
        if draw.random() < 0.2:
            self._status(line, "cancelled", placed_ms + draw.randrange(DAY_MS), amount, quantity)

    def _status(self, line: Event, status: str, at_ms: int, minor: int, quantity: int) -> None:
        money = {"amount_minor": minor, "quantity": quantity, "currency": "CNY", "order_status": status}
        self.events.append(line | money | {"event_type": "order", "event_time": at_ms})

    def _customer(self) -> None:
        """Buy of one merchant again and again, at the very edge of what is a repurchase."""
        draw, buyer, at_ms = self._draw, self._where(), self._moment()
        for _ in range(draw.randrange(2, 5)):
            line = buyer | {"order_id": f"o{draw.randrange(16**5):05x}", "item_id": draw.choice(ITEMS)}
            self._status(line, "paid", at_ms, draw.randrange(1, 1000), 1)
            at_ms += draw.choice((0, 1, 60_000, DAY_MS, 30 * DAY_MS - 1, 30 * DAY_MS, 30 * DAY_MS + 1))
