"""Measures what the whole catalogue of figures costs, as a multiple of GMV by room alone.

    python benchmarks/catalogue_cost.py --events 1000000 --cache build/bench

Both read the same generated events one after another, each into an own Redis that keeps nothing on disk; see
`gmv_by_room.py` for what the smaller one leaves out. CPU is that of the program from its first event on, and of its
Redis; start and loading count in neither. The catalogue is everything but the recommender: all scopes and counts,
attribution line by line, leaderboards.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import redis
from generate_events import write_dimensions
from gmv_by_room import BUILDS
from measured import generated, measured, own_redis
from rich.console import Console
from rich.table import Table

PROGRAM: Final = Path(__file__).with_name("gmv_by_room.py")
LESS, WHOLE = "gmv by room", "catalogue"


def cost(name: str, events: Path, dims: Path, folder: Path) -> dict[str, Any]:
    """Run one composition from nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    with own_redis(folder / "redis") as (url, pid):
        command = [sys.executable, str(PROGRAM), name, str(events), "--redis", url, "--dims", str(dims)]
        ran = measured([*command, "--data-dir", str(folder / "home")], lambda: pid)
        used: Any = redis.Redis.from_url(url).info("cpu")
    printed = ran.printed
    server_s = used["used_cpu_user"] + used["used_cpu_sys"]
    return {
        "events": printed["events"], "seconds": round(printed["seconds"], 2), "cpu_s": round(printed["cpu_s"], 2),
        "redis_cpu_s": round(server_s, 2), "peak_mb": round(ran.peak_mb, 1),
        "redis_peak_mb": ran.server_mb and round(ran.server_mb, 1),
    }  # fmt: skip


def ratios(runs: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Return the whole over the less, of all CPU and of time."""
    less, whole = runs[LESS], runs[WHOLE]

    def cpu(run: dict[str, Any]) -> float:
        return float(run["cpu_s"] + run["redis_cpu_s"])

    return {"cpu": round(cpu(whole) / cpu(less), 2), "seconds": round(whole["seconds"] / less["seconds"], 2)}


def main() -> None:
    """Measure both once, the smaller one first."""
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
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    options = parser.parse_args()
    cache = options.cache.resolve()
    events, dims = (
        generated(cache, options.events, options.rate, options.seed),
        cache / f"dims-{options.seed}",
    )
    write_dimensions(dims, options.seed)
    runs = {name: cost(name, events, dims, cache / "runs") for name in sorted(BUILDS, reverse=True)}
    shutil.rmtree(cache / "runs", ignore_errors=True)
    found = {"runs": runs, "catalogue_over_gmv_by_room": ratios(runs)}
    if options.json:
        print(json.dumps(found, indent=2))
        return
    table = Table("composition")
    for name in runs[LESS]:
        table.add_column(name, justify="right")
    for name, run in runs.items():
        table.add_row(name, *(f"{value:,}" if value is not None else "–" for value in run.values()))
    Console(width=160).print(table)
    told = found["catalogue_over_gmv_by_room"]
    print(
        f"The catalogue costs {told['cpu']} times the CPU of GMV by room, and {told['seconds']} times its time."
    )


if __name__ == "__main__":
    main()
