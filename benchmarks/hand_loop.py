"""What one would write by hand: one process, one loop over JSON lines, dicts for state, Redis for results.

    python benchmarks/hand_loop.py events.jsonl --redis unix:///tmp/redis.sock

The plain-Python competitor, written to be as fast as such a loop gets: orjson, no class a value, counts kept
a minute at a time and rolled up when they are written, one HSET for many values, no garbage collector. It
does exact duplicates (24 h), base counts of six scopes in four windows, last-touch and linear attribution
held back until the watermark, an online recommender asked before every click, and writes what changed to
Redis every half second. It has no recovery, no sketches and no other models: a crash starts it anew.

Prints events a second and the peak memory as one line of JSON.
"""

import argparse
import gc
import heapq
import json
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import orjson
from hand_attribution import CLICK_WINDOW_MS, Attribution, Event, Line
from hand_counts import DAY_MS, HOUR_MS, MINUTE_MS, Cells, Counts, Increments

OUT_OF_ORDER_MS: Final = 30_000
LATENESS_MS: Final = HOUR_MS
WRITE_EVERY_S: Final = 0.5

SCOPES: Final = ("platform", "room", "session", "creator", "item", "traffic_source")
COUNTS: Final = (
    "room_entries", "impressions", "clicks", "follows", "orders_placed", "orders_paid", "orders_cancelled",
    "units_paid", "gmv_placed_minor", "gmv_paid_minor", "refunds_minor", "refunds_by_order_time_minor",
    "dwell_ms",
)  # fmt: skip
(ENTRIES, IMPRESSIONS, CLICKS, FOLLOWS, PLACED, PAID, CANCELLED, UNITS, GMV_PLACED, GMV_PAID, REFUNDS,
 REFUNDS_BY_ORDER, DWELL) = range(len(COUNTS))  # fmt: skip
ORDERS_OF: Final = {"placed": PLACED, "paid": PAID, "cancelled": CANCELLED}

# Views are entries and impressions together, so they need no count of their own.
ONE_ENTRY: Final[Increments] = ((ENTRIES, 1),)
ONE_IMPRESSION: Final[Increments] = ((IMPRESSIONS, 1),)
ONE_CLICK: Final[Increments] = ((CLICKS, 1),)
Ids = tuple[str, ...]


class Duplicates:
    """Event ids of the last 24 h of event time."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._by_hour: defaultdict[int, list[str]] = defaultdict(list)

    def is_new(self, event_id: str, time_ms: int) -> bool:
        """Remember an id; false where it is known."""
        if event_id in self._seen:
            return False
        self._seen.add(event_id)
        self._by_hour[time_ms // HOUR_MS].append(event_id)
        return True

    def forget(self, before_ms: int) -> None:
        """Drop the hours that ended before a time."""
        for hour in [hour for hour in self._by_hour if (hour + 1) * HOUR_MS <= before_ms]:
            self._seen.difference_update(self._by_hour.pop(hour))


class Transitions:
    """Popularity and item-to-item transitions, with river's verbs."""

    def __init__(self) -> None:
        self._popular: defaultdict[str, float] = defaultdict(float)
        self._top: list[str] = []
        self._next: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._last: dict[str, str] = {}
        self._learned = 0

    def rank(self, user: str, k: int = 10) -> list[str]:
        """Return the k items that follow the user's last one most often, filled up with popular ones."""
        following = self._next.get(self._last.get(user, ""), {})
        best = heapq.nlargest(k, following, key=following.__getitem__)
        return best + [item for item in self._top if item not in following][: k - len(best)]

    def learn_one(self, user: str, item: str) -> "Transitions":
        """Learn a click."""
        self._popular[item] += 1.0
        last = self._last.get(user)
        if last is not None:
            row = self._next[last]
            row[item] = row.get(item, 0.0) + 1.0
        self._last[user] = item
        self._learned += 1
        if self._learned % 1000 == 1:
            self._top = heapq.nlargest(10, self._popular, key=self._popular.__getitem__)
        return self


class Recommender:
    """Asks before it learns, as prequential evaluation does."""

    def __init__(self, kind: str) -> None:
        self.asked = self.hits = 0
        self._observe = self._with_mf() if kind == "biased-mf" else self._with_transitions()

    def click(self, user: str, item: str) -> None:
        """Predict, then learn."""
        self.asked += 1
        self._observe(user, item)

    def _with_transitions(self) -> Callable[[str, str], None]:
        model = Transitions()

        def observe(user: str, item: str) -> None:
            self.hits += item in model.rank(user)
            model.learn_one(user, item)

        return observe

    def _with_mf(self) -> Callable[[str, str], None]:
        from river import reco

        # Ranking every item takes milliseconds in river; one score and one step an event is what it can bear.
        model = reco.BiasedMF(n_factors=10)

        def observe(user: str, item: str) -> None:
            self.hits += model.predict_one(user, item) > 0.5
            model.learn_one(user, item, y=1.0)

        return observe


class RedisWriter:
    """Writes changed cells: a hash a scope, window and start; a field an id."""

    def __init__(self, url: str | None) -> None:
        self.values = 0
        if url is None:
            self._client = None
        else:
            import redis

            self._client = redis.Redis.from_url(url)

    def write(self, prefix: str, changed: dict[tuple[str, str, int], Cells]) -> None:
        """Write cells in one pipeline."""
        if self._client is None or not changed:
            return
        pipeline = self._client.pipeline(transaction=False)
        for (scope, window, start), cells in changed.items():
            values: dict[Any, Any] = {identity: orjson.dumps(cell) for identity, cell in cells.items()}
            if values:
                pipeline.hset(f"{prefix}:{scope}:{window}:{start}", mapping=values)
                self.values += len(values)
        pipeline.execute()


class HandLoop:
    """The loop: takes events one by one, and writes what changed now and then."""

    def __init__(self, redis_url: str | None, recommender: str | None) -> None:
        self.events = self.duplicates = self.late = 0
        self.counts = Counts(len(COUNTS), SCOPES)
        self.attribution = Attribution()
        self.recommender = Recommender(recommender) if recommender else None
        self.writer = RedisWriter(redis_url)
        self._seen = Duplicates()
        self._paid: dict[Line, int] = {}
        self._counted: defaultdict[tuple[str, str], set[tuple[int, str]]] = defaultdict(set)
        self._latest = 0
        self._hour = 0

    def run(self, lines: Iterable[bytes]) -> None:
        """Take all lines; the clock is looked at every 512 events."""
        loads, take = orjson.loads, self.take
        written = time.perf_counter()
        for number, line in enumerate(lines):
            take(loads(line))
            if number & 511 == 0 and time.perf_counter() - written >= WRITE_EVERY_S:
                self.write()
                written = time.perf_counter()
        self.attribution.settle(self._latest)
        self.write()

    def take(self, event: Event) -> None:
        """Count, attribute and learn one event."""
        time_ms: int = event["event_time"]
        self.events += 1
        if not self._seen.is_new(event["event_id"], time_ms):
            self.duplicates += 1
            return
        if time_ms > self._latest:
            self._advance(time_ms)
        elif time_ms < self._latest - OUT_OF_ORDER_MS - LATENESS_MS:
            self.late += 1
            return
        get = event.get
        ids = ("all", get("room_id") or "none", get("session_id") or "none", get("creator_id") or "none",
               get("item_id") or "none", get("traffic_source") or "none")  # fmt: skip
        kind, minute = event["event_type"], time_ms // MINUTE_MS
        if kind == "view":
            self._view(event, time_ms, minute, ids)
        elif kind == "click":
            self.counts.add(minute, ids, ONE_CLICK)
            self.attribution.touch(event, time_ms, True)
            if self.recommender is not None:
                self.recommender.click(event["user_id"], event["item_id"])
        elif kind == "order":
            self._order(event, time_ms, minute, ids)
        elif kind == "follow":
            self.counts.add(minute, ids, ((FOLLOWS, 1),))

    def write(self) -> None:
        """Settle what the watermark allows, and write what changed."""
        self.attribution.settle(self._latest - OUT_OF_ORDER_MS)
        self.writer.write("m", self.counts.roll_up())
        self.writer.write("a", self.attribution.counts.roll_up())

    def _advance(self, time_ms: int) -> None:
        self._latest = time_ms
        if time_ms // HOUR_MS != self._hour:
            self._hour = time_ms // HOUR_MS
            self._seen.forget(time_ms - DAY_MS)
            self.attribution.forget(time_ms - CLICK_WINDOW_MS)

    def _view(self, event: Event, time_ms: int, minute: int, ids: Ids) -> None:
        if event.get("holdout"):
            return
        dwell = event.get("dwell_ms")
        entered = event.get("item_id") is None
        one = ONE_ENTRY if entered else ONE_IMPRESSION
        self.counts.add(minute, ids, (*one, (DWELL, dwell)) if dwell else one)
        self.attribution.touch(event, time_ms, False)

    def _order(self, event: Event, time_ms: int, minute: int, ids: Ids) -> None:
        status, amount = event["order_status"], event["amount_minor"]
        if status in ORDERS_OF:
            self._count_order(event["order_id"], status, minute, ids)
        if status == "placed":
            self.counts.add(minute, ids, ((GMV_PLACED, amount),))
        elif status == "paid":
            self.counts.add(minute, ids, ((GMV_PAID, amount), (UNITS, event["quantity"])))
            self._paid[event["order_id"], event["item_id"]] = minute
            self.attribution.paid(event, time_ms)
        elif status == "refunded":
            self.counts.add(minute, ids, ((REFUNDS, amount),))
            paid_minute = self._paid.get((event["order_id"], event["item_id"]))
            if paid_minute is not None:
                self.counts.add(paid_minute, ids, ((REFUNDS_BY_ORDER, amount),))
            self.attribution.refunded(event)

    def _count_order(self, order_id: str, status: str, minute: int, ids: Ids) -> None:
        counted, place = self._counted[order_id, status], ORDERS_OF[status]
        for scope, identity in enumerate(ids):
            if (scope, identity) not in counted:
                counted.add((scope, identity))
                self.counts.add_one(minute, scope, identity, place, 1)


def main() -> None:
    """Run the loop over a file, and print how fast it went."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("events", type=Path, help="the JSON lines file")
    parser.add_argument("--redis", help="redis://… or unix:///…; without it nothing is written")
    parser.add_argument("--recommender", choices=("transitions", "biased-mf"), default="transitions")
    parser.add_argument("--no-recommender", action="store_true")
    options = parser.parse_args()
    loop = HandLoop(options.redis, None if options.no_recommender else options.recommender)
    # Nothing here makes reference cycles, and a full collection over millions of touches takes seconds.
    gc.disable()
    began = time.perf_counter()
    with options.events.open("rb", buffering=1 << 20) as lines:
        loop.run(lines)
    seconds = time.perf_counter() - began
    platform = loop.counts.total("platform").get("all", [0] * len(COUNTS))
    credit = loop.attribution.counts.total("credit").values()
    print(json.dumps({
        "events": loop.events, "seconds": round(seconds, 3), "events_per_s": round(loop.events / seconds),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "recommender": None if options.no_recommender else options.recommender,
        "duplicates": loop.duplicates, "late": loop.late, "redis_values": loop.writer.values,
        "counts": dict(zip(COUNTS, platform, strict=True)),
        "credit_minor": {"last_touch": sum(c[0] for c in credit), "linear": sum(c[1] for c in credit)},
    }))  # fmt: skip


if __name__ == "__main__":
    main()
