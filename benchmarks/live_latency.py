"""Measures the way from an event put onto a Redis Stream to the figure that counts it, readable in Redis.

    python benchmarks/live_latency.py --rate 20000 --seconds 60

A publisher of its own process puts generated events onto a stream at an even rate, while `interestream run` reads
it and a third process polls the platform's total: an event has arrived once the total counts it and all before it.
Its latency begins just before its XADD is sent, and includes half a poll on average. Views, clicks and follows are
timed, duplicates excepted; orders go the same way. Lost is what the total never came to count.
"""

import argparse
import json
import multiprocessing
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import hiredis
import numpy as np
import numpy.typing as npt
import orjson
import redis
from measured import COMMAND, ROOT, embedded_pid, generated, own_redis, peak_mb

from schemas.keys import metric_key, unpack
from schemas.metrics import EVENT_TIME_COUNTS

STREAM: Final = "events"
TIMED: Final = {"view": "views", "click": "clicks", "follow": "follows"}
PLACES: Final = [EVENT_TIME_COUNTS.index(name) for name in TIMED.values()]
TOTAL: Final = metric_key("is", "e", "platform", "total", -1)
SEND_EVERY_S: Final = 0.002
PATIENCE_S: Final = 60.0

Times = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Latency:
    """What was measured: percentiles in milliseconds over the timed events after the warm-up."""

    rate: float
    seconds: float
    published: int
    timed: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    lost: int
    peak_mb: float | None
    redis_peak_mb: float | None


def counted_by(lines: list[bytes]) -> Counts:
    """Return what the total must count once each line is in it; duplicates add nothing."""
    seen: set[str] = set()
    adds = np.zeros(len(lines), np.int64)
    for number, line in enumerate(lines):
        event = orjson.loads(line)
        adds[number] = (
            event["event_type"] in TIMED and not event.get("holdout") and event["event_id"] not in seen
        )
        seen.add(event["event_id"])
    return np.cumsum(adds)


def publish(url: str, lines: list[bytes], rate: float, told: Connection) -> None:
    """Send every line when it is due, and tell when each was sent (monotonic seconds)."""
    commands: list[Any] = [("XADD", STREAM, "*", "event", line) for line in lines]
    packed = list(map(hiredis.pack_command, commands))
    connection: Any = redis.Redis.from_url(url).connection_pool.get_connection()
    sent_at = np.empty(len(lines))
    began, done = time.monotonic(), 0
    while done < len(lines):
        now = time.monotonic()
        due = min(len(lines), int((now - began) * rate) + 1)
        if due > done:
            sent_at[done:due] = now
            connection.send_packed_command([b"".join(packed[done:due])])
            for _ in range(due - done):
                connection.read_response()
            done = due
        time.sleep(SEND_EVERY_S)
    told.send(sent_at)


def total_now(client: Any) -> int:
    """Return how many timed events the platform's total counts."""
    value = client.hget(TOTAL, "all")
    counts = unpack(value)[1] if value else [0] * len(EVENT_TIME_COUNTS)
    return sum(counts[place] for place in PLACES)


def poll(client: Any, last: int, every_s: float) -> tuple[Times, Counts]:
    """Read the total until it counts everything or stands still; returns when it was read, and what it said."""
    times, totals, moved = [time.monotonic()], [0], time.monotonic()
    while totals[-1] < last and time.monotonic() - moved < PATIENCE_S:
        now = total_now(client)
        if now != totals[-1]:
            moved = time.monotonic()
            times.append(moved)
            totals.append(now)
        time.sleep(every_s)
    return np.array(times), np.array(totals)


def latencies_ms(sent_at: Times, must_count: Counts, times: Times, totals: Counts, warm_up_s: float) -> Times:
    """Return the latency of every timed event that was sent after the warm-up and arrived."""
    timed = np.flatnonzero(np.diff(must_count, prepend=0))
    timed = timed[(sent_at[timed] >= sent_at[0] + warm_up_s) & (must_count[timed] <= totals.max())]
    seen = np.searchsorted(np.maximum.accumulate(totals), must_count[timed], side="left")
    found: Times = (times[seen] - sent_at[timed]) * 1000
    return found


def measure(options: argparse.Namespace, lines: list[bytes], folder: Path) -> Latency:
    """Publish, poll, and compare the two."""
    must_count = counted_by(lines)
    home = folder / "home"
    with own_redis(folder / "source") as (url, _):
        command = [
            *COMMAND,
            "run",
            f"{url}?stream={STREAM}",
            "--data-dir",
            str(home),
            "--json",
            *options.switch,
        ]
        run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        client = redis.Redis(unix_socket_path=str(home / "redis" / "server.sock"))
        await_running(client, run)
        hear, tell = multiprocessing.Pipe(duplex=False)
        publisher = multiprocessing.Process(target=publish, args=(url, lines, options.rate, tell))
        publisher.start()
        times, totals = poll(client, int(must_count[-1]), options.poll_ms / 1000)
        sent_at = hear.recv()
        publisher.join()
        peaks = peak_mb(run.pid), peak_mb(embedded_pid(home)() or 0)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=PATIENCE_S)
    found = latencies_ms(sent_at, must_count, times, totals, options.warm_up)
    p50, p99 = np.percentile(found, [50, 99]).round(1).tolist()
    lost = int(must_count[-1] - totals.max())
    seconds = round(float(sent_at[-1] - sent_at[0]), 2)
    return Latency(
        round(len(lines) / seconds), seconds, len(lines), len(found), p50, p99, round(float(found.max()), 1), lost,
        *(peak and round(peak, 1) for peak in peaks),
    )  # fmt: skip


def await_running(client: Any, run: "subprocess.Popen[bytes]") -> None:
    """Wait until the job has said that it runs."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and run.poll() is None:
        try:
            if client.hget("is:job", "status") == b"running":
                return
        except redis.RedisError:
            pass
        time.sleep(0.05)
    raise SystemExit("The live run did not start.")


def main() -> None:
    """Measure once."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--rate", type=float, default=20_000.0, help="events a second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long they are timed (%(default)s)")
    parser.add_argument("--warm-up", type=float, default=10.0, help="seconds before, not timed (%(default)s)")
    parser.add_argument("--poll-ms", type=float, default=2.0, help="pause between two looks (%(default)s)")
    parser.add_argument(
        "--cache", type=Path, default=Path("build/bench"), help="keeps generated events (%(default)s)"
    )
    parser.add_argument(
        "--no-recommender", dest="switch", action="append_const", const="--no-recommender", default=[]
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    options = parser.parse_args()
    cache = options.cache.resolve()
    events = generated(cache, round(options.rate * (options.seconds + options.warm_up)), options.rate, 1)
    shutil.rmtree(cache / "live", ignore_errors=True)
    latency = asdict(measure(options, events.read_bytes().splitlines(), cache / "live"))
    shutil.rmtree(cache / "live", ignore_errors=True)
    if options.json:
        print(json.dumps(latency))
    else:
        print("\n".join(f"{name:14} {value:>12,}" for name, value in latency.items() if value is not None))
    sys.exit(latency["lost"] > 0)


if __name__ == "__main__":
    main()
