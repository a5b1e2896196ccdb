"""Runs one composition over files: the whole catalogue, or GMV by room alone, and prints what it cost as JSON.

    python benchmarks/gmv_by_room.py catalogue events.jsonl --redis unix:///tmp/r.sock --data-dir build/home

GMV by room alone is what a catalogue is compared with: the same source, contract, deduplication, dead letters, windows,
checkpoints and publisher, but of each batch only what was paid by room and minute goes on, in cells of one count.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import apache_beam as beam
import numpy as np
import pyarrow as pa
from rich.console import Console

from pipelines import live_room
from pipelines.options import LiveRoomOptions
from runners.jobs import run_job
from runners.jobs_request import JobRequest
from runners.settings import Settings
from schemas.metrics import NO_ID, SCOPES
from transforms.counting import counter
from transforms.dedup import DedupShard, Routes
from transforms.event_view import MINUTE_MS, EventView
from transforms.io.read import ReadEvents, SourceConfig
from transforms.metrics.partials import partials_batch
from transforms.pieces import Progress
from transforms.routing import sent
from transforms.shards import Output, Sharded

ROOM: Final = SCOPES.index("room")
FAMILY: Final = "o"
"""A family of cells with one count; here it holds GMV."""

Build = Callable[[beam.Pipeline, list[SourceConfig], LiveRoomOptions], None]


class PaidDedup(DedupShard):
    """Deduplication that sends on what was paid by room and minute, and nothing else."""

    def _routed(self, events: pa.RecordBatch, progress: Progress, urgent: int) -> Iterator[Output]:
        yield from sent("figures", [paid_by_room(EventView(events))], [None], 1, progress, urgent)


def paid_by_room(events: EventView) -> pa.RecordBatch:
    """Sum a batch's paid lines by room and minute."""
    status = events.events["order_status"]
    paid = np.flatnonzero(pa.compute.equal(status, "paid").fill_null(False))
    taken = pa.array(paid)
    keys = {
        "room": events.events["room_id"].take(taken).fill_null(NO_ID),
        "minute": events.times_ms[paid] // MINUTE_MS,
    }
    rows = pa.table(keys | {"amount": events.events["amount_minor"].take(taken)})
    sums = rows.group_by(["room", "minute"]).aggregate([("amount", "sum")]).combine_chunks()
    ids, minutes, amounts = (sums[name].combine_chunks() for name in ("room", "minute", "amount_sum"))
    adds = amounts.to_numpy().astype(np.int64).reshape(-1, 1)
    return partials_batch(FAMILY, np.full(len(ids), ROOM), ids, minutes.to_numpy(), adds)


def build_gmv_by_room(pipeline: beam.Pipeline, sources: list[SourceConfig], options: LiveRoomOptions) -> None:
    """Compose sources, deduplication and figures."""

    def dedup(key: int) -> DedupShard:
        return PaidDedup(key, options.bounds.dedup_horizon_ms, Routes(1, False), counter(options.job))

    read = pipeline | ReadEvents(sources)
    new = read.events | Sharded("Dedup", dedup, ("figures", "dead"), options.job)
    _ = new.figures | Sharded("Figures", partial(live_room._figures, options), (), options.job)
    _ = read.dead | live_room._dead_letters("KeepRefused", options)
    _ = new.dead | live_room._dead_letters("KeepLate", options)


BUILDS: Final[dict[str, Build]] = {"catalogue": live_room.build_live_room, "gmv by room": build_gmv_by_room}


def run(build: Build, events: Path, redis_url: str, home: Path, dims: Path | None) -> dict[str, Any]:
    """Run a composition to its end; CPU and time are counted from when it is composed, after everything is loaded."""
    began: dict[str, float] = {}

    def composed(pipeline: beam.Pipeline, sources: list[SourceConfig], options: LiveRoomOptions) -> None:
        began["cpu_s"] = time.process_time()
        build(pipeline, sources, options)

    live_room.build_live_room = composed
    request = JobRequest(
        kind="replay", sources=(str(events),), recommender=False, attribution=False, features=False, dims=dims
    )
    settings = replace(Settings(data_dir=home), redis=redis_url)
    report = run_job(request, settings, Console(stderr=True, quiet=True))
    return {
        "events": report.events, "seconds": report.seconds, "cpu_s": time.process_time() - began["cpu_s"],
    }  # fmt: skip


def main() -> None:
    """Run one and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("composition", choices=[*BUILDS])
    parser.add_argument("events", type=Path)
    parser.add_argument("--redis", required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--dims", type=Path)
    options = parser.parse_args()
    build = BUILDS[options.composition]
    print(json.dumps(run(build, options.events, options.redis, options.data_dir, options.dims)))


if __name__ == "__main__":
    main()
