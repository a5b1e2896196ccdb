"""Measures the pipeline on a real Flink cluster, Kafka to Redis, beside an element-at-a-time Beam pipeline.

    python benchmarks/flink_throughput.py --events 2000000 --parallelism 2

The generated events are put onto a topic first. Then each pipeline reads them from the beginning on the same
cluster, from the same broker, into a Redis of its own that keeps nothing on disk, one after another. Events a
second are those that the platform's total came to count from the first figure seen to the last, so that neither
submission nor the start of workers is in it. The peer (`element_pipeline.py`) reads fewer events, since it takes
so much longer; memory is the greatest sum over all processes of the cluster.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
import redis
from element_pipeline import TOTAL as PEER_TOTAL
from live_latency import counted_by, total_now
from measured import COMMAND, ROOT, generated, own_redis
from rich.console import Console
from rich.table import Table

PARTITIONS: Final = 4
LOOK_EVERY_S: Final = 0.1
PATIENCE_S: Final = 300.0
PEER: Final = Path(__file__).with_name("element_pipeline.py")


@dataclass(frozen=True)
class Clusters:
    """Where everything runs."""

    home: Path
    servers: str
    flink: dict[str, Any]

    def topic(self, events: Path) -> str:
        """Put events onto a topic of their own, in the order of their times."""
        name = f"{events.stem.replace('.', '-')}-{os.getpid()}"
        address = f"kafka://{self.servers}/{name}"
        _command("publish", events, "--to", f"{address}?partitions={PARTITIONS}")
        return address


def _command(*words: object) -> str:
    done = subprocess.run(
        [*COMMAND, *map(str, words)], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"interestream {' '.join(map(str, words))} ended with {done.returncode}.")
    return done.stdout


@contextmanager
def clusters(home: Path, slots: int) -> Iterator[Clusters]:
    """Bring up a broker and a Flink cluster of two TaskManagers; take both down at the end."""
    shutil.rmtree(home, ignore_errors=True)
    try:
        broker = json.loads(_command("kafka", "up", "--data-dir", home, "--json"))
        flink = _command("flink", "up", "--taskmanagers", 2, "--slots", slots, "--data-dir", home, "--json")
        yield Clusters(home, broker["bootstrap_servers"], json.loads(flink))
    finally:
        for name in ("flink", "kafka"):
            subprocess.run([*COMMAND, name, "down", "--data-dir", str(home)], cwd=ROOT, check=False)


def timed(command: list[str], counted: Callable[[], int], last: int, sessions: list[int]) -> dict[str, Any]:
    """Run a pipeline until the total has come to count all, then stop it; returns what was seen."""
    run = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE
    )
    began = moved = time.monotonic()
    first: tuple[float, int] | None = None
    now, peak_mb, looked = 0, 0.0, 0.0
    while now < last and time.monotonic() - moved < PATIENCE_S and run.poll() is None:
        seen = counted()
        if seen != now:
            now, moved = seen, time.monotonic()
            first = first or (moved, now)
        if time.monotonic() - looked > 1:
            looked, peak_mb = time.monotonic(), max(peak_mb, resident_mb(sessions))
        time.sleep(LOOK_EVERY_S)
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=PATIENCE_S)
    if now < last or first is None:
        raise SystemExit(f"{command[1:4]} stopped at {now:,} of {last:,}.")
    return {
        "seconds": moved - first[0],
        "share": (now - first[1]) / last,
        "wall_s": moved - began,
        "peak_mb": peak_mb,
    }


def resident_mb(sessions: list[int]) -> float:
    """Return the memory of all processes that the cluster started, theirs included."""
    total = 0
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in sessions:
                total += process.memory_info().rss
        except (OSError, psutil.Error):
            continue
    return total / (1 << 20)


def ours(at: Clusters, topic: str, last: int, options: argparse.Namespace) -> dict[str, Any]:
    """Run the live pipeline."""
    with own_redis(at.home / "ours") as (url, _):
        client: Any = redis.Redis.from_url(url)
        command = [
            *COMMAND, "run", topic, "--runner", "FlinkRunner", "--redis", url, "--data-dir", str(at.home),
            *options.switch, f"--parallelism={options.parallelism}",
        ]  # fmt: skip
        return timed(command, lambda: total_now(client), last, members(at))


def peer(at: Clusters, topic: str, last: int, options: argparse.Namespace) -> dict[str, Any]:
    """Run the element-at-a-time pipeline."""
    with own_redis(at.home / "peer") as (url, _):
        client: Any = redis.Redis.from_url(url)
        command = [
            sys.executable, str(PEER), topic, "--redis", url, "--data-dir", str(at.home),
            f"--parallelism={options.parallelism}",
        ]  # fmt: skip
        return timed(command, lambda: int(client.get(PEER_TOTAL) or 0), last, members(at))


def members(at: Clusters) -> list[int]:
    """Return the processes of the cluster; each leads a session of its own."""
    return [each["pid"] for each in [at.flink["jobmanager"], *at.flink["taskmanagers"], *at.flink["others"]]]


RUNS: Final = {"interestream": ours, "element at a time": peer}


def main() -> None:
    """Measure each once, in turn."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--events", type=int, default=2_000_000, help="for our pipeline (%(default)s)")
    parser.add_argument("--peer-events", type=int, default=100_000, help="for the peer (%(default)s)")
    parser.add_argument("--parallelism", type=int, default=2)
    parser.add_argument("--slots", type=int, default=2, help="of each of two TaskManagers (%(default)s)")
    parser.add_argument("--cache", type=Path, default=Path("build/bench"), help="(%(default)s)")
    parser.add_argument("--only", choices=[*RUNS], action="append", help="measure only this; may be repeated")
    parser.add_argument(
        "--no-recommender", dest="switch", action="append_const", const="--no-recommender", default=[]
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    options = parser.parse_args()
    cache = options.cache.resolve()
    runs = {}
    with clusters(cache / "flink", options.slots) as at:
        for name in options.only or RUNS:
            count = options.peer_events if RUNS[name] is peer else options.events
            events = generated(cache, count, 1000.0, 1)
            last = int(counted_by(events.read_bytes().splitlines())[-1])
            print(f"{name}: {count:,} events …", file=sys.stderr)
            seen = RUNS[name](at, at.topic(events), last, options)
            runs[name] = {"events": count, "events_per_s": round(count * seen["share"] / seen["seconds"])} | {
                part: round(seen[part], 2) for part in ("seconds", "wall_s", "peak_mb")
            }
            print(f"{name}: {runs[name]}", file=sys.stderr)
    shutil.rmtree(cache / "flink", ignore_errors=True)
    if len(runs) > 1:
        rates = [runs[name]["events_per_s"] for name in RUNS]
        runs["interestream"]["times_peer"] = round(rates[0] / rates[1], 2)
    print_runs(runs, as_json=options.json)


def print_runs(runs: dict[str, dict[str, Any]], *, as_json: bool) -> None:
    """Print one line a run."""
    if as_json:
        print(json.dumps(runs, indent=2))
        return
    names = list(max(runs.values(), key=len))
    table = Table("run")
    for name in names:
        table.add_column(name, justify="right")
    for name, run in runs.items():
        table.add_row(name, *(f"{run[each]:,}" if each in run else "–" for each in names))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
