"""Measures what attribution costs: a replay with it, over the same replay without, as ratios of one run.

    python benchmarks/attribution_cost.py --events 500000 --cache build/bench

The same generated events on one machine: all models under the default window, line credits and coupons, then
`--no-attribution` (no touch is routed, no line credited; all figures stay). Both without the recommender, each into an
embedded Redis of its own, in turn, `--rounds` times after one that warms up; the medians count. `cpu` is the program's
processor time less that of starting (a replay of the first events), which a busy machine disturbs less than seconds.
"""

import argparse
import json
import shutil
import statistics
import sys
from pathlib import Path
from typing import Any, Final

from measured import COMMAND, Cost, embedded_pid, generated, measured

SWITCHES: Final = {"on": (), "all windows": ("--attribution-window", "all"), "off": ("--no-attribution",)}
FEW: Final = 1000


def replay(events: Path, folder: Path, switches: tuple[str, ...]) -> Cost:
    """Replay into an embedded Redis, from nothing."""
    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    command = [
        *COMMAND,
        "replay",
        str(events),
        "--data-dir",
        str(home),
        "--json",
        "--no-recommender",
        *switches,
    ]
    return measured(command, embedded_pid(home))


def few_of(events: Path, folder: Path) -> Path:
    """Write the first events into a file of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "few.jsonl"
    with events.open("rb") as lines, path.open("wb") as out:
        out.writelines(line for _, line in zip(range(FEW), lines, strict=False))
    return path


def compared(events: Path, folder: Path, rounds: int, kinds: list[str]) -> dict[str, Any]:
    """Measure each kind of replay in turn; return medians, and each over that of `off`."""
    few = few_of(events, folder)
    idle_s = min(replay(few, folder, SWITCHES["off"]).cpu_s for _ in range(2))
    found: dict[str, list[Cost]] = {kind: [] for kind in kinds}
    for number in range(rounds):
        for kind in kinds:
            print(f"{kind}, {number + 1} of {rounds} …", file=sys.stderr)
            found[kind].append(replay(events, folder, SWITCHES[kind]))
    runs = {kind: _medians(costs, idle_s) for kind, costs in found.items()}
    for run in runs.values():
        for name in ("seconds", "cpu"):
            run[f"{name}_over_off"] = round(run[name] / runs["off"][name], 2)
    return runs


def _medians(costs: list[Cost], idle_s: float) -> dict[str, Any]:
    return {
        "seconds": round(statistics.median(cost.printed["seconds"] for cost in costs), 2),
        "cpu": round(statistics.median(cost.cpu_s for cost in costs) - idle_s, 2),
        "peak_mb": round(statistics.median(cost.peak_mb for cost in costs), 1),
    }


def main() -> None:
    """Print one line a kind of replay, or one JSON document."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--events", type=int, default=500_000, help="lines to generate (%(default)s)")
    parser.add_argument(
        "--rate", type=float, default=1000.0, help="events a second of event time (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (%(default)s)")
    parser.add_argument("--all-windows", action="store_true", help="measure all attribution windows, too")
    parser.add_argument(
        "--cache", type=Path, default=Path("build/bench"), help="keeps generated events (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
    options = parser.parse_args()
    cache = options.cache.resolve()
    kinds = [kind for kind in SWITCHES if kind != "all windows" or options.all_windows]
    folder = cache / "attribution"
    runs = compared(
        generated(cache, options.events, options.rate, options.seed), folder, options.rounds, kinds
    )
    shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        print(json.dumps(runs, indent=2))
    else:
        for kind, run in runs.items():
            print(f"{kind:12} " + "  ".join(f"{name} {value}" for name, value in run.items()))


if __name__ == "__main__":
    main()
