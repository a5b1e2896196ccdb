"""Measures a replay, with and without its recommender, beside the loop that one would write by hand.

    python benchmarks/replay_throughput.py --events 5000000 --cache build/bench

The same generated events, one after another on one machine that does nothing else: `interestream replay` (dedup,
exact figures of six scopes in four windows, last-touch and linear credits line by line, checkpoints, a Redis that
keeps everything on disk) and `hand_loop.py` (see there: no recovery, no line credits; its Redis keeps nothing on
disk). Events a second are by each program's own clock, from its first event to its last write; `wall` counts its
start too. Memory is the peak of the program, and of its Redis.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from measured import COMMAND, Cost, embedded_pid, generated, measured, own_redis
from rich.console import Console
from rich.table import Table

HAND_LOOP: Final = Path(__file__).with_name("hand_loop.py")
NO_RECOMMENDER: Final = "--no-recommender"


@dataclass(frozen=True)
class Contest:
    """What is measured, and where."""

    events: Path
    folder: Path

    def replay(self, *switches: str) -> Cost:
        """Replay into an embedded Redis, from nothing."""
        home = self.folder / "home"
        shutil.rmtree(home, ignore_errors=True)
        command = [*COMMAND, "replay", str(self.events), "--data-dir", str(home), "--json", *switches]
        return measured(command, embedded_pid(home))

    def hand_loop(self, *switches: str) -> Cost:
        """Run the hand-written loop into a Redis of its own."""
        with own_redis(self.folder / "hand") as (url, pid):
            return measured(
                [sys.executable, str(HAND_LOOP), str(self.events), "--redis", url, *switches], lambda: pid
            )


RUNS: Final[dict[str, Callable[[Contest], Cost]]] = {
    "replay": lambda contest: contest.replay(),
    "replay, no recommender": lambda contest: contest.replay(NO_RECOMMENDER),
    "hand loop": lambda contest: contest.hand_loop(),
    "hand loop, no recommender": lambda contest: contest.hand_loop(NO_RECOMMENDER),
}


def figures(cost: Cost) -> dict[str, Any]:
    """Return what the table shows of one run."""
    return {
        "events": cost.printed["events"], "events_per_s": round(cost.printed["events_per_s"]),
        "seconds": round(cost.printed["seconds"], 2), "wall_s": round(cost.wall_s, 2), "cpu_s": round(cost.cpu_s, 2),
        "peak_mb": round(cost.peak_mb, 1), "redis_peak_mb": cost.server_mb and round(cost.server_mb, 1),
    }  # fmt: skip


def compared(runs: dict[str, dict[str, Any]]) -> None:
    """Add to each run how many times as fast it is as the hand loop that does as much."""
    for name, run in runs.items():
        peer = runs.get(name.replace("replay", "hand loop"))
        run["times_hand_loop"] = round(run["events_per_s"] / peer["events_per_s"], 2) if peer else None


def print_runs(runs: dict[str, dict[str, Any]]) -> None:
    """Print one line a run."""
    table = Table("run")
    for name in next(iter(runs.values())):
        table.add_column(name, justify="right")
    for name, run in runs.items():
        table.add_row(name, *(f"{value:,}" if value is not None else "–" for value in run.values()))
    Console(width=160).print(table)


def main() -> None:
    """Measure every run once, in turn."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--events", type=int, default=1_000_000, help="lines to generate (%(default)s)")
    parser.add_argument(
        "--rate", type=float, default=1000.0, help="events a second of event time (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--cache", type=Path, default=Path("build/bench"), help="keeps generated events (%(default)s)"
    )
    parser.add_argument("--only", choices=[*RUNS], action="append", help="measure only this; may be repeated")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    options = parser.parse_args()
    cache = options.cache.resolve()
    contest = Contest(generated(cache, options.events, options.rate, options.seed), cache / "runs")
    runs = {}
    for name in options.only or RUNS:
        print(f"{name} …", file=sys.stderr)
        runs[name] = figures(RUNS[name](contest))
    shutil.rmtree(contest.folder, ignore_errors=True)
    compared(runs)
    if options.json:
        print(json.dumps(runs, indent=2))
    else:
        print_runs(runs)


if __name__ == "__main__":
    main()
