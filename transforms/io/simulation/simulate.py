"""`simulate`: a folder of synthetic live commerce, with the truth about it beside it.

DIR/events/events-000.jsonl …   what a platform would have sent, evening by evening, in order of arrival
DIR/dims/                       items, creators, merchants …
DIR/truth/                      coupons, ad_plans, orders, interests: what no platform knows
DIR/manifest.json, SYNTHETIC.md what it is, from which scenario, with the digest of each file
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from transforms.io.imports.folder import replaced_folder
from transforms.io.simulation import dimensions, event_files, truth
from transforms.io.simulation.block import Block, block, joined, rows, size
from transforms.io.simulation.directory import Directory
from transforms.io.simulation.draws import Draws
from transforms.io.simulation.evening_run import Plan, Simulator
from transforms.io.simulation.imperfections import with_arrivals
from transforms.io.simulation.lines import TYPES
from transforms.io.simulation.manifest import MANIFEST, write_manifest
from transforms.io.simulation.names import name
from transforms.io.simulation.scenario import DAY_MS, Scenario
from transforms.io.simulation.true_rows import interest_rows, order_rows
from transforms.io.simulation.world import make_world

_QUIET_MS: Final = DAY_MS - 3_600_000
"""From an evening's beginning until the first event of the next, an hour before that begins."""

Progress = Callable[[int], None]
"""Called now and then with the events written so far."""


@dataclass(frozen=True)
class Simulated:
    """What was written."""

    folder: Path
    events: int
    events_by_type: dict[str, int]
    orders: int
    coupons: int

    @property
    def manifest(self) -> Path:
        """Where it says what the folder holds."""
        return self.folder / MANIFEST


def simulate(scenario: Scenario, out_dir: Path, on_progress: Progress | None = None) -> Simulated:
    """Simulate into a folder, which is new, empty or an earlier simulation, and complete when this returns.

    Writes a few hundred thousand events a second; holds one evening's visits and some 100,000 events at a time, and
    what is still to come of orders under way. Raises UsageError where the folder holds something else.
    """
    out_dir = out_dir.absolute()
    with replaced_folder(out_dir, MANIFEST) as folder:
        run = _Run(scenario, folder, on_progress or _silently)
        run.all_evenings()
    by_type = dict(sorted(run.counted.items()))
    return Simulated(out_dir, sum(by_type.values()), by_type, run.lines, run.coupons)


def _silently(events: int) -> None:
    """Tell nobody."""


class _Run:
    """One simulation on its way into a folder."""

    def __init__(self, scenario: Scenario, folder: Path, on_progress: Progress) -> None:
        self._scenario, self._folder, self._on_progress = scenario, folder, on_progress
        self._draws = Draws(scenario.seed)
        self._world = make_world(scenario, self._draws)
        self._simulator = Simulator(scenario, self._world, self._draws)
        self._directory = Directory(scenario)
        self._waiting: Block = block(0)
        self._numbers = 10**11
        self._ad_plans: dict[str, list[Any]] = {"ad_plan_id": [], "merchant_id": [], "cost_minor": []}
        self.counted: Counter[str] = Counter()
        self.lines = self.coupons = 0

    def all_evenings(self) -> None:
        files = event_files.EventFiles(
            self._folder / event_files.FOLDER, self._scenario.format, self._directory
        )
        with truth.TruthFiles(self._folder / truth.FOLDER) as true:
            for number in range(self._scenario.evenings):
                file = files.open(number)
                self._evening(number, file, true)
                file.close()
        dimensions.write_dimensions(
            self._folder / dimensions.FOLDER, self._scenario, self._world, self._draws, self._ad_plans
        )
        write_manifest(self._folder, self._scenario, dict(sorted(self.counted.items())), files.described())

    def _evening(self, number: int, file: event_files.EventFile, true: truth.TruthFiles) -> None:
        plan = self._simulator.plan(number)
        self._directory.add(plan.evening, plan.promotions, plan.life)
        for stretch in self._simulator.stretches(plan):
            self._waiting = joined([self._waiting, self._arriving(stretch.events)])
            self._emit(file, stretch.until_ms)
            true.write("orders", order_rows(self._directory, plan.evening, stretch))
            self.lines += len(stretch.lines.row)
        last = number == self._scenario.evenings - 1
        self._emit(file, None if last else self._scenario.start_ms + number * DAY_MS + _QUIET_MS)
        self._write_promotions(plan, true)
        for columns in interest_rows(self._scenario, self._simulator.interests, number):
            true.write("interests", columns)

    def _arriving(self, events: Block) -> Block:
        numbered = events | {"number": self._numbers + np.arange(size(events))}
        arriving = with_arrivals(numbered, self._scenario, self._draws, self._numbers + size(events))
        self._numbers = int(arriving["number"].max(initial=self._numbers)) + 1
        return arriving

    def _emit(self, file: event_files.EventFile, until_ms: int | None) -> None:
        """Write what has arrived before a moment; the rest waits for its turn."""
        arrived = self._waiting["arrival"] < (1 << 62 if until_ms is None else until_ms)
        places = np.flatnonzero(arrived)
        ready = rows(self._waiting, places[np.argsort(self._waiting["arrival"][places], kind="stable")])
        self._waiting = rows(self._waiting, ~arrived)
        file.write(ready)
        for kind, count in enumerate(np.bincount(ready["kind"]).tolist()):
            if count:
                self.counted[TYPES[kind]] += count
        self._on_progress(self.counted.total())

    def _write_promotions(self, plan: Plan, true: truth.TruthFiles) -> None:
        promotions, evening = plan.promotions, plan.evening.number
        places = np.arange(len(promotions.number))
        coupons, plans = places[: promotions.coupons], places[promotions.coupons :]
        true.write("coupons", plan.effects.columns(evening, coupons, plan.life))
        rows_of_plans = plan.effects.columns(evening, plans, plan.life)
        true.write("ad_plans", rows_of_plans)
        self.coupons += len(coupons)
        self._ad_plans["ad_plan_id"] += rows_of_plans["ad_plan_id"].to_pylist()
        self._ad_plans["merchant_id"] += [
            name("merchant", int(self._world.creators.merchant[room])) for room in promotions.room[plans]
        ]
        self._ad_plans["cost_minor"] += plan.life.cost_minor[plans].tolist()
