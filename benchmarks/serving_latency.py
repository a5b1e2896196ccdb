"""Measures how long the API takes to answer, with several clients at once, beside the same read straight from Redis.

    python benchmarks/serving_latency.py --clients 4 --seconds 3

Every client is a process of its own that asks one thing after the other over one connection; `at 200/s` is asked for at
that rate by all of them together, and counts from when each request was due. `redis` is what a Python program pays that
reads the same two cells itself: the least that an answer over HTTP can cost. `cpu_us` is the server's CPU an answer, which
does not depend on what else the machine does.
"""

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from http_clients import Connection, Times, at_a_rate, one_after_another, request, timed, together
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
    "health": "/healthz",
}
RECOMMENDED_A_SECOND: Final = 200
_REQUESTS: Final = 64
_FEATURES: Final = 50


def ask_redis(found: "multiprocessing.Queue[Times]", seconds: float, data_dir: Path) -> None:
    """Read one room's total again and again, without HTTP."""
    with open_redis(None, data_dir) as store:
        reader = Reader(store.client)
        found.put(timed(lambda: reader.metrics("room", "sim-r000"), seconds))


def users_of(data_dir: Path) -> list[str]:
    """Return the users that have features, in a random order that is always the same."""
    with open_redis(None, data_dir) as store:
        client: Any = store.client
        users = sorted(
            field.decode()
            for key in client.scan_iter(match="is:{y:user_id:*", count=1000)
            for field in client.hkeys(key)
        )
    return list(np.random.default_rng(1).permutation(users))


def feature_requests(users: list[str], entities: int) -> list[bytes]:
    """Return requests for all features of so many users, others in each."""
    groups = [users[place * entities : (place + 1) * entities] for place in range(_REQUESTS)]
    bodies = [
        json.dumps({"entity": "user", "ids": list(group)}) for group in groups if len(group) == entities
    ]
    return [request("/v1/features/batch-get", body.encode()) for body in bodies]


def recommendation_requests(users: list[str], k: int) -> list[bytes]:
    """Return requests of several users for so many items each."""
    return [request(f"/v1/recommendations/{user}?k={k}") for user in users[:_REQUESTS]]


def questions(users: list[str]) -> Iterator[tuple[str, list[bytes]]]:
    """Yield what is asked one after another, by name."""
    for name, path in ASKED.items():
        yield name, [request(path)]
    yield "recommendations, 20 items", recommendation_requests(users, 20)
    for entities in (1, 10, 100):
        yield f"{_FEATURES} features × {entities}", feature_requests(users, entities)


def warm_up(port: int, users: list[str]) -> None:
    """Ask everything once: the first read of features loads what was compiled."""
    connection = Connection(port)
    for _, requests in questions(users):
        connection.ask(requests[0])


def main() -> None:
    """Measure every question in turn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each question (%(default)s)")
    parser.add_argument("--only", default="", help="questions whose name has this in it")
    parser.add_argument("--data-dir", type=Path, default=Path("build/bench/serving-50"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    data_dir, clients, seconds = options.data_dir.resolve(), options.clients, options.seconds
    results = {}
    with serving(data_dir) as (server, port):
        users = users_of(data_dir)
        warm_up(port, users)
        if options.only in "redis":
            results["redis"] = together(clients, seconds, ask_redis, data_dir)
        for name, requests in questions(users):
            if options.only in name:
                print(f"{name} …", file=sys.stderr)
                results[name] = together(clients, seconds, one_after_another, port, requests, pid=server.pid)
        name = f"recommendations, 20 items, at {RECOMMENDED_A_SECOND}/s"
        if options.only in name:
            each = RECOMMENDED_A_SECOND / clients
            requests = recommendation_requests(users, 20)
            results[name] = together(clients, seconds, at_a_rate, port, requests, each, pid=server.pid)
        memory = peak_mb(server.pid)
    load = os.getloadavg()[0]
    if options.json:
        told = {"clients": clients, "load": load, "server_peak_mb": memory, "answers": results}
        print(json.dumps(told, indent=2))
        return
    for name, held in results.items():
        print(f"{name:36}" + "".join(f"{key} {value:>8}  " for key, value in held.items()))
    print(f"server's peak memory: {memory} MB; load of the machine at the end: {load:.1f}")


if __name__ == "__main__":
    main()
