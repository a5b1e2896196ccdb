"""Measures batch reads of features: 100 users of 50 features each, from a Redis on this machine, in one round trip.

python benchmarks/feature_reads.py --events 100000 --cache build/bench
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Final

import numpy as np
import redis
from generate_events import write_dimensions
from measured import generated, own_redis

from runners.settings import Settings
from runners.training import feature_table
from serving.reader import Reader
from transforms.features.aggregations import Count, Sum
from transforms.features.shard import FeatureShard
from transforms.features.view import FeatureView
from transforms.features.views import SHIPPED
from transforms.io.redis_publisher import RedisPublishers
from transforms.pacing import Pace
from transforms.pieces import FINAL, Piece, Progress

BATCH: Final = 100
MORE: Final = FeatureView(
    "user_more",
    entity="user_id",
    on=["view", "click", "order.paid"],
    aggregations=[Count(), Count(on="click"), Sum("amount_minor", on="order.paid")],
    windows=["5m", "1h", "6h", "1d", "5d", "7d", "30d"],
)
"""With those that ship, a user has 50 features."""


def fill(url: str, events: Path, dims: Path) -> list[str]:
    """Publish the features of a log; returns its users."""
    table = feature_table([events], dims, Settings()).combine_chunks().unify_dictionaries()
    shard = FeatureShard(
        [*SHIPPED, MORE], "UTC", 3_600_000, 30 * 86_400_000, RedisPublishers(url, "is"), "is",
        lambda: Pace(0.0, time.monotonic),
    )  # fmt: skip
    for number, batch in enumerate(table.to_batches()):
        list(shard.absorb(Piece(Progress(0, 1, number + 1, 0), (batch,), FINAL)))
    return sorted(set(table["user_id"].drop_null().to_pylist()))


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=100_000, help="lines to generate (%(default)s)")
    parser.add_argument("--reads", type=int, default=1000, help="batch reads (%(default)s)")
    parser.add_argument("--cache", type=Path, default=Path("build/bench"), help="keeps events (%(default)s)")
    options = parser.parse_args()
    cache = options.cache.resolve()
    events, dims = generated(cache, options.events, 1000.0, 1), cache / "dims"
    write_dimensions(dims, 1)
    with own_redis(cache / "reads-redis") as (url, _):
        users, reader, draw = (
            fill(url, events, dims),
            Reader(redis.Redis.from_url(url)),
            np.random.default_rng(1),
        )
        wall, cpu = np.empty(options.reads), np.empty(options.reads)
        for place in range(options.reads):
            ids = [[users[at]] for at in draw.integers(0, len(users), BATCH)]
            began, busy = time.perf_counter(), time.process_time()
            found = reader.features("user_id", ids)
            wall[place], cpu[place] = time.perf_counter() - began, time.process_time() - busy
    told = {
        name: {f"p{share}_ms": round(float(np.percentile(took[10:], share)) * 1000, 2) for share in (50, 99)}
        for name, took in (("wall", wall), ("client_cpu", cpu))
    }
    sys.stdout.write(
        json.dumps({"entities": BATCH, "features": len(found[0].values), **told}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main()
