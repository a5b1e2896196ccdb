"""Scopes, days and credits as a reader sees them while a job writes: they add up in every look.

The refunds here come after their payment and are never more than it, so that at any moment what the channels are
credited with is the platform's net amount.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from invariants import ADDITIVE
from nasty_events import nasty_arrivals, write_arrivals
from nasty_world import WORLDS, write_world
from oracle_arrivals import Event, judged
from oracle_windows import day_starts
from running import replayed

from runners.embedded_redis import open_redis
from schemas.keys import NAMESPACE, attribution_key, metric_key
from schemas.metrics import (
    ATTRIBUTION_COUNTS,
    DEFAULT_ATTRIBUTION_WINDOW,
    EVENT_TIME_COUNTS,
    MODELS,
    ORDER_TIME_COUNTS,
    SCOPES,
    TOTAL_START,
)
from serving.access import Store, read_together
from serving.cells import decode_cell

LOOKS: Final = 200
WORLD: Final = WORLDS["25 hours in New York"]
DAYS: Final = day_starts(WORLD.begin_ms, WORLD.begin_ms + WORLD.span_ms, WORLD.timezone)
SPANS: Final = (("total", TOTAL_START), *(("day", start_ms) for start_ms in DAYS))
LAYERS: Final = {"e": EVENT_TIME_COUNTS, "o": ORDER_TIME_COUNTS}
CELLS: Final = [(layer, scope, *span) for layer in LAYERS for scope in SCOPES for span in SPANS]

Sums = dict[str, int]


class Look:
    """All cells of the days and totals, read at once: sums over the ids of each scope."""

    def __init__(self, store: Store) -> None:
        credits = [
            attribution_key(NAMESPACE, model, DEFAULT_ATTRIBUTION_WINDOW, "total", TOTAL_START)
            for model in MODELS
        ]
        keys = [metric_key(NAMESPACE, *cell) for cell in CELLS] + credits
        seen = read_together(store, [("HGETALL", key) for key in keys])
        assert seen.whole
        figures = (
            _summed(answer, LAYERS[cell[0]]) for cell, answer in zip(CELLS, seen.answers, strict=False)
        )
        self.sums: dict[tuple[str, str, str, int], Sums] = dict(zip(CELLS, figures, strict=True))
        self.credits = {
            _summed(answer, ATTRIBUTION_COUNTS)["credit_minor"] for answer in seen.answers[len(CELLS) :]
        }

    def broken(self) -> list[str]:
        """Return what does not add up."""
        found = []
        for layer, scope, window, start_ms in CELLS:
            sums, platform = (
                self.sums[layer, scope, window, start_ms],
                self.sums[layer, "platform", window, start_ms],
            )
            found += [
                f"{scope}, {window}: {name}"
                for name in sums
                if name in ADDITIVE and sums[name] != platform[name]
            ]
            if window == "total" and sums != _added(self.sums[layer, scope, "day", day] for day in DAYS):
                found.append(f"{scope}: the total is not the sum of the days")
        total = self.sums["e", "platform", "total", TOTAL_START]
        if self.credits != {total["gmv_paid_minor"] - total["refunds_minor"]}:
            found.append(f"credits are {self.credits}, the platform has {total}")
        return found


def _summed(cells: dict[bytes, bytes], names: tuple[str, ...]) -> Sums:
    return _added((decode_cell(cell, names) for cell in cells.values()), names)


def _added(parts: Iterable[Sums], names: tuple[str, ...] = ()) -> Sums:
    added = Counter(dict.fromkeys(names, 0))
    for part in parts:
        added.update(part)
    return dict(added)


def fair_events() -> Iterator[Event]:
    """Yield events of these days that count, but for refunds that come before their payment or go beyond it."""
    last_ms = WORLD.begin_ms + WORLD.span_ms
    arrivals = [
        event for event in nasty_arrivals(WORLD, 1500, seed=8) if DAYS[0] <= event["event_time"] < last_ms
    ]
    left: Counter[tuple[str, str]] = Counter()
    for event in judged(arrivals, WORLD.terms()).accepted:
        line, status = (event.get("order_id", ""), event.get("item_id", "")), event.get("order_status")
        signed = {"paid": 1, "refunded": -1}.get(status or "", 0) * event.get("amount_minor", 0)
        if left[line] + signed >= 0:
            left[line] += signed
            yield event


def test_everything_adds_up_in_every_look(tmp_path: Path) -> None:
    events = write_arrivals(tmp_path / "events.jsonl", fair_events())
    dims = write_world(tmp_path / "dimensions", WORLD)
    looks: list[Look] = []
    ended = threading.Event()
    with open_redis(None, tmp_path / "home") as redis:

        def watch() -> None:
            while not ended.wait(0.005) or len(looks) < LOOKS:
                looks.append(Look(Store(redis.client, NAMESPACE)))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            settings = {"batch_rows": 25, "timezone": WORLD.timezone}
            replayed(tmp_path / "home", events, settings=settings, speed=20_000.0, dims=dims)
        finally:
            ended.set()
            watcher.join()
    moments = {str(look.sums) for look in looks}
    assert len(moments) > 10, "the job was over before anything could be seen of it"
    assert [line for look in looks for line in look.broken()] == []
