"""Measures how long the API takes to answer, with several clients at once, beside the same read straight from Redis.

    python benchmarks/serving_latency.py --clients 4 --seconds 3

Every client is a process of its own that asks one thing after the other over one connection. `redis` is what a Python
program pays that reads the same two cells itself: the least that an answer over HTTP can cost.
"""

import argparse
import json
import multiprocessing
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from measured import peak_mb
from served import serving

from runners.embedded_redis import open_redis
from serving.reader import Reader

ASKED: Final = {
    "metrics, total": "/v1/metrics/room/sim-r000",
    "metrics, 60 minutes": "/v1/metrics/room/sim-r000?window=minute&limit=60",
    "leaderboard, 10 places": "/v1/leaderboards/item",
    "attribution, one coupon": "/v1/attribution/coupon/sim-coupon-e000-01?model=last_touch",
    "attribution, all channels": "/v1/attribution",
    "recommendations, 10 items": "/v1/recommendations/sim-u339",
    "health": "/healthz",
}
Times = list[float]


def ask_http(port: int, path: str, seconds: float, found: "multiprocessing.Queue[Times]") -> None:
    """Ask one path again and again over one connection; hand over how long each answer took."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def once() -> None:
            connection.sendall(request)
            head, _, body = connection.recv(65_536).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(
                next(line for line in head.lower().split(b"\r\n") if b"content-length" in line).split(b":")[1]
            )
            while len(body) < length:
                body += connection.recv(1 << 20)

        found.put(timed(once, seconds))


def ask_redis(data_dir: Path, seconds: float, found: "multiprocessing.Queue[Times]") -> None:
    """Read one room's total again and again, without HTTP."""
    with open_redis(None, data_dir) as store:
        reader = Reader(store.client)
        found.put(timed(lambda: reader.metrics("room", "sim-r000"), seconds))


def timed(once: Callable[[], object], seconds: float) -> Times:
    """Return how long each call took, the first hundred excepted."""
    for _ in range(100):
        once()
    times, end = [], time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        once()
        times.append(time.perf_counter() - began)
    return times


def together(clients: int, target: Callable[..., None], *arguments: object) -> dict[str, float]:
    """Run clients at once; return percentiles of all their times in milliseconds, and their rate."""
    found: multiprocessing.Queue[Times] = multiprocessing.Queue()
    processes = [multiprocessing.Process(target=target, args=(*arguments, found)) for _ in range(clients)]
    for process in processes:
        process.start()
    held = [found.get() for _ in processes]
    for process in processes:
        process.join()
    times = np.concatenate([np.array(each) for each in held]) * 1000
    p50, p95, p99 = np.percentile(times, [50, 95, 99])
    rate = sum(len(each) / sum(each) for each in held)
    return {
        "p50_ms": round(p50, 2),
        "p95_ms": round(p95, 2),
        "p99_ms": round(p99, 2),
        "max_ms": round(times.max(), 2),
        "per_s": round(rate),
    }


def main() -> None:
    """Measure every question in turn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each question (%(default)s)")
    parser.add_argument("--data-dir", type=Path, default=Path("build/bench/serving"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    data_dir = options.data_dir.resolve()
    with serving(data_dir) as (server, port):
        results = {"redis": together(options.clients, ask_redis, data_dir, options.seconds)}
        for name, path in ASKED.items():
            print(f"{name} …", file=sys.stderr)
            results[name] = together(options.clients, ask_http, port, path, options.seconds)
        memory = peak_mb(server.pid)
    if options.json:
        print(
            json.dumps({"clients": options.clients, "server_peak_mb": memory, "answers": results}, indent=2)
        )
        return
    for name, held in results.items():
        print(f"{name:28}" + "".join(f"{key} {value:>9}  " for key, value in held.items()))
    print(f"server's peak memory: {memory} MB")


if __name__ == "__main__":
    main()
