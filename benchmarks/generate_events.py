"""Writes seeded live-commerce events as JSON lines, fast, for benchmarks; they are synthetic.

    python benchmarks/generate_events.py --events 5000000 --out events.jsonl --rate 1000 --seed 1

200 rooms with hour-long broadcasts, 5,000 items (Zipf), 200,000 users. Of the lines about 74 % are views
(60 % of them item impressions), 18 % clicks, 6 % order events (placed, paid seconds later, 8 % refunded
minutes later, some in part), the rest follows, coupons and broadcasts. 15 % of the views were paid for by a
coupon, 10 % by an ad plan. Clicks follow impressions and orders follow clicks, of the same user, room and
item. 1 % of the lines are duplicates; lines arrive up to 20 s out of order. The same arguments give the same
bytes. Memory holds one block of about 100,000 lines and the events still to come.
"""

import argparse
import json
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from event_lines import (
    AD_PLANS,
    CLICK,
    COUPON,
    COUPONS_PER_ROOM,
    ENDED,
    FIRST_AD_PLAN,
    FIRST_COUPON,
    FOLLOW,
    ITEMS,
    PAID,
    PLACED,
    PLAIN_SOURCES,
    REFUNDED,
    ROOMS,
    SESSION_MS,
    SESSION_STAGGER_MS,
    START_MS,
    STARTED,
    VIEW,
    Block,
    Column,
    lines_of,
)  # fmt: skip

USERS: Final = 200_000
MERCHANTS: Final = 400
BLOCK_LINES: Final = 100_000
DISORDER_MS: Final = 20_000
DUPLICATES: Final = 0.01
IMPRESSIONS: Final = 0.6
REFUNDS: Final = 0.08
LINE_SHARES: Final = {VIEW: 0.739, CLICK: 0.183, PLACED: 0.06 / (2 + REFUNDS), FOLLOW: 0.013, COUPON: 0.003}
COLUMNS: Final = (
    "number", "kind", "time", "arrival", "user", "room", "item", "traffic", "order", "quantity", "amount",
)  # fmt: skip

Odds = npt.NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """What stays the same over a run: prices, and how popular rooms and items are."""

    prices: Column
    items_by_rank: Column
    item_odds: Odds
    room_odds: Odds

    @classmethod
    def seeded(cls, seed: int) -> "World":
        """Draw a world; the same seed gives the same one."""
        draw = np.random.default_rng([seed, 0])
        prices = np.round(np.exp(draw.normal(8.9, 0.8, ITEMS))).astype(np.int64)
        return cls(
            np.maximum(prices, 100),
            draw.permutation(ITEMS),
            _cumulative(ITEMS, 1.05),
            _cumulative(ROOMS, 0.8),
        )


class Generator:
    """Draws events block by block; what arrives after a block's end waits for a later one."""

    def __init__(self, seed: int, rate: float) -> None:
        self._world = World.seeded(seed)
        self._draw = np.random.default_rng([seed, 1])
        self._rate = rate
        self._span = max(1, round(BLOCK_LINES / rate * 1000))
        self._orders = 0
        self._numbers = 0
        self._waiting = self._numbered(_first_broadcasts())

    def blocks(self) -> Iterator[Block]:
        """Yield blocks without end, each in order of arrival."""
        start = START_MS
        while True:
            pool = _joined([self._waiting, self._with_arrivals(self._numbered(self._drawn(start)))])
            start += self._span
            arrived = pool["arrival"] < start
            self._waiting = _rows(pool, ~arrived)
            ready = _rows(pool, arrived)
            yield _rows(ready, np.argsort(ready["arrival"], kind="stable"))

    def _drawn(self, start: int) -> Block:
        counts = {kind: self._lines(share) for kind, share in LINE_SHARES.items()}
        views = self._views(start, counts[VIEW])
        shown = self._pick(np.flatnonzero(views["item"] >= 0), counts[CLICK])
        clicks = self._after(_rows(views, shown), CLICK, 200, 15_000)
        ordered = _rows(clicks, self._pick(np.arange(counts[CLICK]), counts[PLACED]))
        followers = _rows(views, self._pick(np.arange(counts[VIEW]), counts[FOLLOW]))
        follows = self._after(followers, FOLLOW, 0, 60_000)
        coupons = self._coupons(start, counts[COUPON])
        live = _next_broadcasts(start, start + self._span)
        return _joined([views, clicks, *self._orders_of(ordered), follows, coupons, live])

    def _lines(self, share: float) -> int:
        return max(1, round(self._rate * self._span / 1000 * (1 - DUPLICATES) * share))

    def _pick(self, places: Column, count: int) -> Column:
        return places[self._draw.integers(0, len(places), count)]

    def _views(self, start: int, count: int) -> Block:
        draw, world = self._draw, self._world
        user = (USERS * draw.random(count) ** 1.5).astype(np.int64)
        # A user has a room to come back to, and looks into popular ones now and then.
        home = np.searchsorted(world.room_odds, user * 0.6180339887 % 1.0)
        popular = np.searchsorted(world.room_odds, draw.random(count))
        room = np.where(draw.random(count) < 0.7, home, popular)
        rank = np.searchsorted(world.item_odds, draw.random(count))
        item = world.items_by_rank[(rank + room % 16 * 61) % ITEMS]
        return _block(
            count, kind=VIEW, time=draw.integers(start, start + self._span, count), user=user, room=room,
            item=np.where(draw.random(count) < IMPRESSIONS, item, -1), traffic=self._traffic(room),
            amount=draw.integers(500, 180_000, count),
        )  # fmt: skip

    def _traffic(self, room: Column) -> Column:
        draw, count = self._draw, len(room)
        chance = draw.random(count)
        plan = FIRST_AD_PLAN + draw.integers(0, AD_PLANS, count)
        plain = draw.integers(0, len(PLAIN_SOURCES), count)
        return np.where(chance < 0.15, self._coupon_of(room), np.where(chance < 0.25, plan, plain))

    def _coupon_of(self, room: Column) -> Column:
        return FIRST_COUPON + room * COUPONS_PER_ROOM + self._draw.integers(0, COUPONS_PER_ROOM, len(room))

    def _after(self, source: Block, kind: int, least_ms: int, most_ms: int) -> Block:
        size = len(source["kind"])
        later = source["time"] + self._draw.integers(least_ms, most_ms, size)
        return source | {"kind": np.full(size, kind), "time": later}

    def _orders_of(self, clicks: Block) -> list[Block]:
        draw, count = self._draw, len(clicks["kind"])
        quantity = np.minimum(draw.geometric(0.8, count), 5)
        placed = self._after(clicks, PLACED, 2_000, 60_000) | {
            "order": np.arange(self._orders, self._orders + count),
            "quantity": quantity,
            "amount": self._world.prices[clicks["item"]] * quantity,
        }
        self._orders += count
        paid = self._after(placed, PAID, 1_000, 15_000)
        back = self._after(_rows(paid, draw.random(count) < REFUNDS), REFUNDED, 60_000, 1_200_000)
        size = len(back["kind"])
        part = np.where(draw.random(size) < 0.7, 1.0, draw.uniform(0.1, 0.9, size))
        return [placed, paid, back | {"amount": np.maximum(1, (back["amount"] * part).astype(np.int64))}]

    def _coupons(self, start: int, count: int) -> Block:
        draw = self._draw
        room = draw.integers(0, ROOMS, count)
        return _block(
            count, kind=COUPON, time=draw.integers(start, start + self._span, count), room=room,
            traffic=self._coupon_of(room), quantity=1_000 * draw.integers(1, 50, count),
            amount=draw.integers(10_000, 500_000, count),
        )  # fmt: skip

    def _numbered(self, events: Block) -> Block:
        size = len(events["kind"])
        self._numbers += size
        return events | {"number": np.arange(self._numbers - size, self._numbers)}

    def _with_arrivals(self, events: Block) -> Block:
        draw, size = self._draw, len(events["kind"])
        slow = draw.random(size) < 0.25
        delay = np.where(slow, draw.integers(0, DISORDER_MS, size), draw.integers(0, 300, size))
        first = events | {"arrival": events["time"] + delay}
        again = _rows(first, draw.random(size) < DUPLICATES)
        late = again["time"] + draw.integers(0, DISORDER_MS, len(again["kind"]))
        return _joined([first, again | {"arrival": late}])


def _first_broadcasts() -> Block:
    start = np.full(ROOMS, START_MS)
    return _block(ROOMS, kind=STARTED, time=start, arrival=start, room=np.arange(ROOMS))


def _next_broadcasts(start: int, end: int) -> Block:
    rooms = np.arange(ROOMS)
    stagger = START_MS - rooms * SESSION_STAGGER_MS
    change = stagger + SESSION_MS * (
        (np.maximum(start, START_MS + 1) - stagger + SESSION_MS - 1) // SESSION_MS
    )
    rooms, change = rooms[change < end], change[change < end]
    ended = _block(len(rooms), kind=ENDED, time=change - 1, room=rooms)
    return _joined([ended, _block(len(rooms), kind=STARTED, time=change, room=rooms)])


def _block(count: int, **columns: Column | int) -> Block:
    empty = dict.fromkeys(COLUMNS, 0) | columns
    return {name: np.broadcast_to(np.asarray(value, np.int64), count).copy() for name, value in empty.items()}


def _joined(blocks: list[Block]) -> Block:
    return {name: np.concatenate([block[name] for block in blocks]) for name in COLUMNS}


def _rows(block: Block, places: npt.NDArray[np.bool_] | Column) -> Block:
    return {name: column[places] for name, column in block.items()}


def _cumulative(size: int, exponent: float) -> Odds:
    weights = 1.0 / np.arange(1, size + 1) ** exponent
    summed = np.cumsum(weights)
    odds: Odds = summed / summed[-1]
    return odds


def write_events(path: Path, events: int, rate: float, seed: int) -> None:
    """Write so many lines; the file is complete when the call returns."""
    left = events
    with path.open("wb") as out:
        for block in Generator(seed, rate).blocks():
            out.write(lines_of(_rows(block, np.arange(min(left, len(block["kind"]))))))
            left -= len(block["kind"])
            if left <= 0:
                return


def write_dimensions(folder: Path, seed: int) -> None:
    """Write the items, creators and merchants that the events name, as Parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = range(ITEMS)
    items = {
        "item_id": [f"i{i:04d}" for i in numbers],
        "merchant_id": [f"m{i * 7 % MERCHANTS:03d}" for i in numbers],
        "brand_id": [f"b{i * 7 % (2 * MERCHANTS):03d}" for i in numbers],
        "category_id": [f"cat{i % 40:02d}" for i in numbers],
        "list_price_minor": World.seeded(seed).prices,
    }
    kinds = ("creator", "merchant", "top_kol")
    creators = {
        "creator_id": [f"c{r:03d}" for r in range(ROOMS)],
        "kind": [kinds[r % 3] for r in range(ROOMS)],
        "mcn_id": [f"mcn{r % 20:02d}" for r in range(ROOMS)],
    }
    merchants = {
        "merchant_id": [f"m{m:03d}" for m in range(MERCHANTS)],
        "service_provider_id": [f"sp{m % 30:02d}" for m in range(MERCHANTS)],
        "region": [f"region{m % 12:02d}" for m in range(MERCHANTS)],
    }
    for name, columns in (("items", items), ("creators", creators), ("merchants", merchants)):
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")


def main() -> None:
    """Generate, and print how fast it went as one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, required=True, help="lines to write")
    parser.add_argument("--out", type=Path, required=True, help="the JSON lines file")
    parser.add_argument("--rate", type=float, default=1000.0, help="events a second of event time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dims", type=Path, help="also write the dimensions into this folder")
    options = parser.parse_args()
    began = time.perf_counter()
    write_events(options.out, options.events, options.rate, options.seed)
    if options.dims is not None:
        write_dimensions(options.dims, options.seed)
    seconds = time.perf_counter() - began
    size = options.out.stat().st_size
    figures = {
        "events": options.events, "seconds": round(seconds, 3),
        "events_per_s": round(options.events / seconds),
        "bytes": size, "bytes_per_event": round(size / options.events, 1),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }  # fmt: skip
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
