"""Feature views alone, over the sources of a job that runs beside: nothing is published.

    sources ─ ReadEvents ─ Dedup ─ Features

Steps have the names that they have in the main pipeline, since a job goes on with the state of the last one.
"""

from functools import partial

import apache_beam as beam

from pipelines.options import LiveRoomOptions
from pipelines.warm_up import Nowhere
from transforms.counting import counter
from transforms.dedup import DedupShard, Routes
from transforms.features.shard import FeatureShard
from transforms.io.read import ReadEvents, SourceConfig
from transforms.pacing import Pace
from transforms.shards import Sharded


def build_feature_backfill(
    pipeline: beam.Pipeline, sources: list[SourceConfig], options: LiveRoomOptions
) -> None:
    """Compose the pipeline; what it does not accept, the job beside has put into dead letters."""
    read = pipeline | ReadEvents(sources, options.pseudonyms)
    new = read.events | Sharded("Dedup", partial(_dedup, options), ("features", "dead"), options.job)
    _ = new.features | Sharded("Features", partial(_features, options), (), options.job)


def _dedup(options: LiveRoomOptions, key: int) -> DedupShard:
    routes = Routes(1, False, options.dimensions, False, features=True, figures=False)
    return DedupShard(key, options.bounds.dedup_horizon_ms, routes, counter(options.job))


def _features(options: LiveRoomOptions, key: int) -> FeatureShard:  # noqa: ARG001
    shard = FeatureShard(
        options.views, options.timezone, options.bounds.allowed_lateness_ms, options.order_horizon_ms, Nowhere,
        options.namespace, _never,
    )  # fmt: skip
    shard.mute(True)
    return shard


def _never() -> Pace:
    """Return a pace at which nothing is due."""
    return Pace(float("inf"), lambda: 0.0)
