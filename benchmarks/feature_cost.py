"""Measures what feature views cost: in a replay, the tenth view, in Redis, and in a batch read.

    python benchmarks/feature_cost.py --events 200000 --cache build/bench

The replay's CPU is that of the program from start to end and of its Redis, with all views and with none. The tenth view
is the CPU of the feature shard alone with ten views less that with nine, each the least of some rounds, over that with
nine and over that of the whole replay; `--each` measures every view so, which takes five times as long. Memory is what
Redis needs for the records of the users of the log and of their pairs, by a million of them. The batch read is 100 users
with all of their features.
"""

import argparse
import json
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import redis
from generate_events import write_dimensions
from measured import COMMAND, generated, measured, own_redis

from pipelines.warm_up import Nowhere, warm_up
from runners.settings import Settings
from runners.training import feature_table
from serving.reader import Reader
from transforms.features.shard import FeatureShard
from transforms.features.views import SHIPPED
from transforms.pacing import Pace
from transforms.pieces import LATER, Piece, Progress

BATCH: Final = 100
READS: Final = 300
ROWS: Final = 65_536
NINE: Final = 9


def replay(events: Path, dims: Path, folder: Path, *switches: str) -> dict[str, Any]:
    """Replay once from nothing; with features, also look at the records that it left."""
    shutil.rmtree(folder, ignore_errors=True)
    with own_redis(folder / "redis") as (url, pid):
        command = [
            *COMMAND,
            "replay",
            str(events),
            "--dims",
            str(dims),
            "--redis",
            url,
            "--no-recommender",
            "--json",
        ]
        ran = measured([*command, "--data-dir", str(folder / "home"), *switches], lambda: pid)
        client: Any = redis.Redis.from_url(url)
        used = client.info("cpu")
        server_s = used["used_cpu_user"] + used["used_cpu_sys"]
        out = {
            "cpu_s": round(ran.cpu_s + server_s, 2),
            "peak_mb": round(ran.peak_mb),
            "redis_cpu_s": round(server_s, 2),
        }
        return out if switches else out | {"memory": memory(client)} | {"read": reads(client)}


def memory(client: Any) -> dict[str, Any]:
    """Return what the records of users and of pairs with users take, and how many there are."""
    kinds: dict[str, list[int]] = {}
    for key in client.scan_iter(match="is:{y:*user_id*", count=1000):
        held = kinds.setdefault(key.decode().split(":")[2], [0, 0])
        held[0] += client.memory_usage(key, samples=0)
        held[1] += client.hlen(key)
    users = kinds["user_id"][1]
    total = sum(size for size, _ in kinds.values())
    return {
        "records": {name: count for name, (_, count) in kinds.items()},
        "bytes_a_record": {name: round(size / count, 1) for name, (size, count) in kinds.items()},
        "gb_a_million_users": round(total / users / 1000, 3),
        "gb_a_million_users_alone": round(kinds["user_id"][0] / users / 1000, 3),
    }


def reads(client: Any) -> dict[str, float]:
    """Return how long batch reads take, in milliseconds."""
    reader, draw = Reader(client), np.random.default_rng(1)
    users = [field.decode() for number in range(8) for field in client.hkeys(f"is:{{y:user_id:{number}}}")]
    took = []
    for _ in range(READS):
        ids = [[users[place]] for place in draw.integers(0, len(users), BATCH)]
        began = time.perf_counter()
        found = reader.features("user_id", ids)
        took.append((time.perf_counter() - began) * 1000)
    assert len(found) == BATCH
    middle, late = np.percentile(took[10:], (50, 99))
    return {
        "features": len(found[0].values),
        "p50_ms": round(float(middle), 2),
        "p99_ms": round(float(late), 2),
    }


def shard_cpu(events: Any, views: Sequence[int], rounds: int) -> list[float]:
    """Return the CPU seconds of the feature shard over all events with the first so many views, the least of all rounds.

    The numbers of views take turns, so that whatever else the machine does meets all of them alike.
    """
    found = [[_shard_cpu(events, number) for number in views] for _ in range(rounds)]
    return [min(each) for each in zip(*found, strict=True)]


def _shard_cpu(events: Any, views: int) -> float:
    shard = FeatureShard(
        SHIPPED[:views],
        "Asia/Shanghai",
        3_600_000,
        30 * 86_400_000,
        Nowhere,
        "is",
        lambda: Pace(1e9, lambda: 0.0),
    )
    began = time.process_time()
    for number, begin in enumerate(range(0, events.num_rows, ROWS)):
        [batch] = events.slice(begin, ROWS).combine_chunks().unify_dictionaries().to_batches()[:1]
        list(shard.absorb(Piece(Progress(0, 1, number, 0), (batch,), LATER)))
    shard.publish(0)
    return time.process_time() - began


def main() -> None:
    """Measure everything once and print one JSON document."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--events", type=int, default=200_000, help="lines to generate (%(default)s)")
    parser.add_argument(
        "--rate", type=float, default=1000.0, help="events a second of event time (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path("build/bench"), help="keeps events (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of the shard alone (%(default)s)")
    parser.add_argument("--each", action="store_true", help="measure every view in turn, too")
    parser.add_argument("--no-replay", action="store_true", help="measure the shard alone")
    options = parser.parse_args()
    cache = options.cache.resolve()
    events, dims = generated(cache, options.events, options.rate, options.seed), cache / "dims"
    write_dimensions(dims, options.seed)
    warm_up(recommender=False)
    out: dict[str, Any] = {}
    if not options.no_replay:
        out["none"] = replay(events, dims, cache / "features", "--no-features")
        out["all"] = replay(events, dims, cache / "features")
        out["all over none, cpu"] = round(out["all"]["cpu_s"] / out["none"]["cpu_s"], 2)
    table = feature_table([events], dims, Settings())
    nine, ten, whole = shard_cpu(table, (NINE, NINE + 1, len(SHIPPED)), options.rounds)
    out["shard_cpu_s"] = {NINE: round(nine, 2), NINE + 1: round(ten, 2), len(SHIPPED): round(whole, 2)}
    out["tenth over nine, shard"] = round(ten / nine, 3)
    if not options.no_replay:
        out["tenth, of the replay's cpu"] = round((ten - nine) / out["all"]["cpu_s"], 4)
    if options.each:
        cpu = shard_cpu(table, range(1, len(SHIPPED) + 1), options.rounds)
        out["each view more"] = round(statistics.median(later / before for before, later in pairwise(cpu)), 3)
    sys.stdout.write(json.dumps(out, indent=2) + "\n")


if __name__ == "__main__":
    main()
