"""The main pipeline.

    sources ─ ReadEvents ─ Dedup ─── Orders ─── Attribute ─── Figures ─→ Redis
                 │           │ ├ interactions ─ Learn ─→ Redis
                 │           │ └ events ─ Features ─→ Redis
                 └ refused   └ refused ─→ Redis

One chain, no joins: what a later step needs of an event (touches, partial sums) rides along in the same piece.
So every step sees one source piece whole, and the Direct runner, which holds the branches of a Flatten back
until the source ends, runs all of it as one fused stage.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import apache_beam as beam

from pipelines.options import LiveRoomOptions
from transforms.attribution.shard import AttributionShard
from transforms.counting import counter
from transforms.deadletters import KeepDeadLetters
from transforms.dedup import DedupShard, Routes
from transforms.features.shard import FeatureShard
from transforms.io.read import ReadEvents, SourceConfig
from transforms.metrics.shard import CellShard
from transforms.orders.shard import OrderShard
from transforms.pacing import SPACING, Pace
from transforms.recommend.shard import LearnerShard
from transforms.shards import Sharded
from transforms.tally import Tally

BOARD_SPACING: Final = 49
"""Leaderboards take at most about a fiftieth of the time, a tenth of what all figures may take."""


def build_live_room(pipeline: beam.Pipeline, sources: list[SourceConfig], options: LiveRoomOptions) -> None:
    """Compose the pipeline; step names are part of its state and never change."""
    read = pipeline | ReadEvents(sources, options.pseudonyms, options.read_by_timers)
    new = read.events | Sharded(
        "Dedup", partial(_dedup, options), ("new", "learn", "features", "dead"), options.job
    )
    ordered = new.new | Sharded("Orders", partial(_orders, options), ("lines",), options.job)
    credited = ordered.lines | Sharded("Attribute", partial(_attribute, options), ("figures",), options.job)
    _ = credited.figures | Sharded("Figures", partial(_figures, options), (), options.job)
    if options.recommender:
        _ = new.learn | Sharded("Learn", partial(_learn, options), (), options.job)
    if options.views:
        _ = new.features | Sharded("Features", partial(_features, options), (), options.job)
    _ = read.dead | _dead_letters("KeepRefused", options)
    _ = new.dead | _dead_letters("KeepLate", options)


def _dead_letters(name: str, options: LiveRoomOptions) -> KeepDeadLetters:
    return KeepDeadLetters(name, options.open_publisher, options.namespace, options.job)


def _dedup(options: LiveRoomOptions, key: int) -> DedupShard:
    routes = Routes(
        options.shards,
        options.recommender,
        options.dimensions,
        bool(options.attribution_windows),
        bool(options.views),
    )
    tally = None if options.job else _tally(f"Dedup-{key}", options)
    return DedupShard(key, options.bounds.dedup_horizon_ms, routes, counter(options.job), tally)


def _tally(name: str, options: LiveRoomOptions) -> Tally:
    return Tally(name, options.open_publisher, options.namespace, _pace(options.publish_credits_every_s))


def _orders(options: LiveRoomOptions, key: int) -> OrderShard:
    return OrderShard(
        key, options.shards, options.order_horizon_ms, options.bounds.allowed_lateness_ms,
        options.open_publisher, options.namespace, _pace(options.publish_credits_every_s),
    )  # fmt: skip


def _attribute(options: LiveRoomOptions, key: int) -> AttributionShard:
    return AttributionShard(
        key, options.shards, options.attribution_windows, options.order_horizon_ms,
        options.bounds.allowed_lateness_ms, options.open_publisher, options.namespace,
        _pace(options.publish_credits_every_s), options.dimensions.further_channels, options.timezone,
    )  # fmt: skip


def _figures(options: LiveRoomOptions, key: int) -> CellShard:  # noqa: ARG001
    return CellShard(
        options.timezone, options.bounds.allowed_lateness_ms, options.order_horizon_ms,
        options.open_publisher, options.namespace, _pace(options.publish_every_s),
        _pace(options.publish_boards_every_s, BOARD_SPACING), options.dimensions.rows().plan_costs,
        options.attribution_windows, 1 + len(options.dimensions.further_channels), _pace(options.solve_every_s),
    )  # fmt: skip


def _learn(options: LiveRoomOptions, key: int) -> Any:  # noqa: ARG001
    pace = _pace(options.publish_model_every_s)
    return LearnerShard(options.open_publisher, options.namespace, pace, options.shadow)


def _features(options: LiveRoomOptions, key: int) -> FeatureShard:  # noqa: ARG001
    return FeatureShard(
        options.views, options.timezone, options.bounds.allowed_lateness_ms, options.order_horizon_ms,
        options.open_publisher, options.namespace, _pace(options.publish_features_every_s), options.erased,
    )  # fmt: skip


def _pace(interval_s: float, spacing: int = SPACING) -> Callable[[], Pace]:
    return partial(Pace, interval_s, time.monotonic, spacing)
