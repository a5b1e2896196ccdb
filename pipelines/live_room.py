"""The main pipeline.

    sources ─ ReadEvents ─ Dedup ─┬─ touches ──────────┐
                 │           │    ├─ orders ─ Orders ──┴─ Attribute ─┐
                 │           │    ├─ figures ────────────┬───────────┴─ Figures ─→ Redis
                 │           │    └─ interactions ─ Learn ─→ Redis   (Orders adds figures too)
                 └─ refused ─┴─ KeepDeadLetters ─→ Redis
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import apache_beam as beam

from pipelines.options import LiveRoomOptions
from transforms import checkpoints
from transforms.attribution.shard import AttributionShard
from transforms.deadletters import KeepDeadLetters
from transforms.dedup import DedupShard, Routes
from transforms.io.read import ReadEvents, SourceConfig
from transforms.metrics.shard import CellShard
from transforms.orders.shard import OrderShard
from transforms.pacing import Pace
from transforms.recommend.shard import LearnerShard
from transforms.shards import Sharded


def build_live_room(pipeline: beam.Pipeline, sources: list[SourceConfig], options: LiveRoomOptions) -> None:
    """Compose the pipeline; step names are part of its state and never change."""
    read = pipeline | ReadEvents(sources)
    new = read.events | Sharded(
        "Dedup", partial(_dedup, options), ("touches", "orders", "cells", "learn", "dead"), options.job
    )
    orders = new.orders | Sharded("Orders", partial(_orders, options), ("lines", "cells"), options.job)
    touched = (new.touches, orders.lines) | "TouchesAndLines" >> beam.Flatten()
    credited = touched | Sharded("Attribute", partial(_attribute, options), ("cells",), options.job)
    figures = (new.cells, orders.cells, credited.cells) | "AllFigures" >> beam.Flatten()
    _ = figures | Sharded("Figures", partial(_figures, options), ("done",), options.job)
    if options.recommender:
        _ = new.learn | Sharded("Learn", partial(_learn, options), ("done",), options.job)
    refused = (read.dead, new.dead) | "AllDeadLetters" >> beam.Flatten()
    _ = refused | KeepDeadLetters(options.open_publisher, options.namespace, options.job)


def _counter(job: str | None) -> Callable[[str, int], None]:
    """Count in the job's local checkpoint, or as Beam metrics, which every runner shows."""
    if job:
        return checkpoints.of(job).count

    def count(name: str, more: int) -> None:
        beam.metrics.Metrics.counter("interestream", name).inc(more)

    return count


def _dedup(options: LiveRoomOptions, key: int) -> DedupShard:
    routes = Routes(options.shards, options.recommender, options.merchants)
    return DedupShard(key, options.bounds.dedup_horizon_ms, routes, _counter(options.job))


def _orders(options: LiveRoomOptions, key: int) -> OrderShard:
    return OrderShard(
        key, options.shards, options.order_horizon_ms, options.bounds.allowed_lateness_ms,
        options.open_publisher, options.namespace,
    )  # fmt: skip


def _attribute(options: LiveRoomOptions, key: int) -> AttributionShard:
    return AttributionShard(
        key, options.shards, options.window, options.order_horizon_ms, options.bounds.allowed_lateness_ms,
        options.open_publisher, options.namespace, _pace(options.publish_every_s),
    )  # fmt: skip


def _figures(options: LiveRoomOptions, key: int) -> CellShard:
    return CellShard(
        key, options.shards, options.timezone, options.bounds.allowed_lateness_ms, options.order_horizon_ms,
        options.open_publisher, options.namespace, _pace(options.publish_every_s),
    )  # fmt: skip


def _learn(options: LiveRoomOptions, key: int) -> Any:  # noqa: ARG001
    return LearnerShard(options.open_publisher, options.namespace, _pace(options.publish_model_every_s))


def _pace(interval_s: float) -> Callable[[], Pace]:
    return partial(Pace, interval_s, time.monotonic)
