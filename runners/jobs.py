"""`run_job`: one run of the pipeline on this machine, from request to report.

A job is what is read and how (sources, bounds, horizons); running the same job again goes on where it was,
also after kill -9. Another job in the same data directory starts anew and replaces the figures, unless it differs in
feature views alone: then it goes on too, with what a backfill knows of them.
"""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from runners.composition import (
    LIVE_FEATURES_S,
    REPLAY_FEATURES_S,
    attribution_windows,
    feature_views,
    job_dimensions,
)
from runners.embedded_redis import OpenRedis, open_redis
from runners.job_identity import job_id, same_but_for_views
from runners.job_lock import alone
from runners.job_places import places_now, whole_position
from runners.job_report import JobReport, report_of
from runners.job_sources import Opener, OpenFolder, openers
from runners.job_store import CLEAN, RUNNING, JobStore
from runners.jobs_request import JobRequest
from runners.progress import show_progress
from runners.pseudonyms import check_same_pseudonyms, described_pseudonyms, pseudonyms_of
from runners.redis_patience import patiently
from runners.settings import Settings
from schemas.errors import JobError
from transforms import checkpoints as checkpoint_registry
from transforms.checkpoints import Checkpoints

if TYPE_CHECKING:
    from rich.console import Console

    from transforms.io.read import SourceConfig

CHECKPOINT_DIR: Final = "checkpoints"
SPILL_DIR: Final = "spill"
LIVE_PUBLISH_S: Final = 0.02
REPLAY_PUBLISH_S: Final = 1.0
LIVE_BOARDS_S: Final = 2.0
REPLAY_BOARDS_S: Final = 10.0
LIVE_CREDITS_S: Final = 0.25
LIVE_MODEL_S: Final = 5.0
REPLAY_MODEL_S: Final = 60.0


@dataclass
class _Job:
    """One run in preparation: what is asked, where results go, and where it goes on."""

    request: JobRequest
    settings: Settings
    store: JobStore
    redis: OpenRedis
    id: str
    openers: list[Opener]
    checkpoints: Checkpoints
    resumed: bool = False
    ended_well: bool = False
    """Whether it went on from a run that ended by itself, or was told to."""
    generation: int = 0
    """The generation of feature records whose predecessors were told to end."""


def run_job(request: JobRequest, settings: Settings, console: "Console") -> JobReport:
    """Run a job to its end (files) or until it is told to stop (streams); raises InterestreamError."""
    with alone(settings.data_dir), open_redis(settings.redis, settings.data_dir) as redis:
        if settings.sink:
            from transforms.io.kafka_sink import prepare_sink

            prepare_sink(settings.sink)
        if not request.fresh:
            described = JobStore(redis.client, settings.namespace).described()
            check_same_pseudonyms(described, settings)
        if request.runner != "DirectRunner":
            from runners.cluster_jobs import run_elsewhere

            return run_elsewhere(request, settings, redis, job_id(request, settings), console)
        job = _prepared(request, settings, redis, console)
        if _is_complete(job):
            return JobReport(resumed=True, nothing_to_do=True)
        return _run(job, console)


def _prepared(request: JobRequest, settings: Settings, redis: OpenRedis, console: "Console") -> _Job:
    opened = openers(request.sources, settings.batch_rows, request.follow, request.speed is not None)
    identity = job_id(request, settings)
    checkpoints = Checkpoints(
        settings.data_dir / CHECKPOINT_DIR,
        identity,
        every_s=settings.checkpoint_every_ms / 1000,
        clock=time.monotonic,
    )
    job = _Job(
        request, settings, JobStore(redis.client, settings.namespace), redis, identity, opened, checkpoints
    )
    job.resumed = not request.fresh and (_resume(job) or (_with_other_views(job, console) and _resume(job)))
    if not job.resumed:
        _begin(job)
    job.checkpoints.on_taken = partial(_taken, job)
    job.checkpoints.whole_position = whole_position(job.openers)
    return job


def _taken(job: _Job, epoch: int) -> None:
    """Tell Redis of the epoch after a checkpoint, and let feature records go that a change of views replaced."""
    patiently(job.redis, partial(job.store.note_epoch, epoch))
    job.generation = patiently(job.redis, partial(job.store.retire_features, job.generation))


def _resume(job: _Job) -> bool:
    """Go on from the last checkpoint, if it is this job's, its files are as they were, and Redis still has it."""
    checkpoints, described = job.checkpoints, job.store.described()
    if not checkpoints.restore() or not same_but_for_views(described.get("job_id", ""), job.id):
        return False
    places = places_now(job.openers, checkpoints.position, job.settings)
    if places is None:
        return False
    checkpoints.position = places
    job.ended_well = described.get("status") == CLEAN and described["job_id"] == job.id
    if described.get("status") != CLEAN:
        job.store.forget_after(checkpoints.epoch)
    checkpoints.epoch = job.store.next_epoch()
    return True


def _with_other_views(job: _Job, console: "Console") -> bool:
    """Let the last checkpoint be this job's if it differs in feature views alone; returns whether it is now."""
    from runners.feature_backfill import hand_over

    manifest = checkpoint_registry.last_manifest(job.checkpoints.directory)
    if manifest is None or not same_but_for_views(manifest["job_id"], job.id) or not job.request.features:
        return False
    if places_now(job.openers, manifest["position"], job.settings) is None:
        return False
    return hand_over(job.request, job.settings, manifest, console)


def _begin(job: _Job) -> None:
    """Start from nothing: earlier figures go, since every one is recomputed."""
    fresh = Checkpoints(
        job.checkpoints.directory, job.id, every_s=job.checkpoints.every_s, clock=job.checkpoints.clock
    )
    fresh.epoch = job.store.next_epoch()
    fresh.forget()
    job.checkpoints = fresh
    job.store.clear(pseudonyms_of(job.settings))


def _is_complete(job: _Job) -> bool:
    """Whether every file was read to its end before, and none is new."""
    from transforms.io.folder import event_files

    whole = job.resumed and job.ended_well and not job.request.follow
    if not whole or not all(isinstance(opener, OpenFolder) for opener in job.openers):
        return False
    [folder] = [opener for opener in job.openers if isinstance(opener, OpenFolder)]
    [position] = job.checkpoints.position["readers"]
    names = {str(path) for path in event_files(folder.paths)}
    return names == position.places.keys() and all(place.ended for place in position.places.values())


def _run(job: _Job, console: "Console") -> JobReport:
    from pipelines.warm_up import warm_up
    from runners.direct import run_direct, settle_memory

    settle_memory(job.settings.data_dir / SPILL_DIR)
    warm_up(job.request.recommender, job.request.features)
    before, began = dict(job.checkpoints.counters), time.monotonic()
    _say_if_shadow_begins(job, console)
    _describe(job, RUNNING)
    checkpoint_registry.activate(job.id, job.checkpoints)
    _revive_with(job)
    try:
        with stopping_on_signals(job.checkpoints), show_progress(job.checkpoints, job.openers, console):
            run_direct(lambda pipeline: _compose(job, pipeline), job.request.beam_options)
        if not job.checkpoints.finish():
            raise JobError(
                "The pipeline ended with pieces under way. Run the same command again: it goes on."
            )
        _describe(job, CLEAN)
    finally:
        _revive_with(None, job.id)
        checkpoint_registry.deactivate(job.id)
    return report_of(
        before, job.checkpoints.counters, time.monotonic() - began, job.resumed, job.checkpoints.stopping
    )


def _revive_with(job: "_Job | None", identity: str = "") -> None:
    from transforms.io.redis_publisher import on_lost

    if job is None:
        on_lost(identity, None)
    else:
        on_lost(job.id, job.redis.ensure if job.redis.embedded else None)


def _say_if_shadow_begins(job: _Job, console: "Console") -> None:
    """A job goes on whatever its shadow; one that is set otherwise than before has nothing to go on from."""
    before = patiently(job.redis, job.store.described).get("shadow", "")
    if job.resumed and job.request.shadow is not None and before != _shadow_text(job.request):
        console.print("The shadow begins to learn now: the job ran without it, or with other settings.")


def _shadow_text(request: JobRequest) -> str:
    return "" if request.shadow is None else json.dumps(request.shadow, sort_keys=True)


def _describe(job: _Job, status: str) -> None:
    patiently(job.redis, partial(job.store.describe, status, _description(job)))


def _description(job: _Job) -> dict[str, str]:
    from transforms.io.simulation import is_synthetic

    settings = job.settings
    return {
        "job_id": job.id, "currency": settings.currency, "timezone": settings.timezone,
        "sources": " ".join(job.request.sources), "epoch": str(job.checkpoints.epoch),
        "scopes": " ".join(job_dimensions(job.request).scopes),
        "synthetic": str(int(is_synthetic(job.request.sources))),
        "attribution_windows": " ".join(attribution_windows(job.request, settings)),
        "allowed_lateness_ms": str(settings.allowed_lateness_ms), "shadow": _shadow_text(job.request),
        **described_pseudonyms(settings),
    }  # fmt: skip


def _compose(job: _Job, pipeline: Any) -> None:
    from pipelines.live_room import build_live_room
    from pipelines.options import LiveRoomOptions
    from transforms.io.kafka_sink import with_sink
    from transforms.io.redis_publisher import RedisPublishers

    live = any(opener.is_live for opener in job.openers)
    options = LiveRoomOptions(
        with_sink(RedisPublishers(job.redis.url, job.settings.namespace, job.id), job.settings.sink),
        namespace=job.settings.namespace,
        timezone=job.settings.timezone,
        bounds=_bounds(job.settings),
        order_horizon_ms=job.settings.order_horizon_ms,
        dimensions=job_dimensions(job.request),
        attribution_windows=attribution_windows(job.request, job.settings),
        recommender=job.request.recommender,
        shadow=job.request.shadow,
        views=feature_views(job.request, job.settings),
        erased=tuple(job.store.erased()),
        pseudonyms=pseudonyms_of(job.settings),
        publish_every_s=LIVE_PUBLISH_S if live or job.request.speed else REPLAY_PUBLISH_S,
        publish_boards_every_s=LIVE_BOARDS_S if live or job.request.speed else REPLAY_BOARDS_S,
        publish_credits_every_s=LIVE_CREDITS_S if live or job.request.speed else REPLAY_PUBLISH_S,
        publish_model_every_s=LIVE_MODEL_S if live or job.request.speed else REPLAY_MODEL_S,
        publish_features_every_s=LIVE_FEATURES_S if live or job.request.speed else REPLAY_FEATURES_S,
        solve_every_s=job.settings.solve_every_ms / 1000,
        job=job.id,
    )
    build_live_room(pipeline, _source_configs(job), options)


def _bounds(settings: Settings) -> Any:
    from transforms.intake import TimeBounds

    return TimeBounds(
        settings.max_out_of_orderness_ms, settings.allowed_lateness_ms, settings.dedup_horizon_ms
    )


def _source_configs(job: _Job) -> "list[SourceConfig]":
    from transforms.io.read import SourceConfig
    from transforms.io.session import Position

    starts: list[Position] = [Position()] * len(job.openers)
    if job.resumed:
        starts = job.checkpoints.position["readers"]
    return [
        SourceConfig(
            opener, job.settings.currency, _bounds(job.settings), (job.request.from_ms, job.request.to_ms),
            job.request.speed, 1, reader, len(job.openers), job.id, start,
        )
        for reader, (opener, start) in enumerate(zip(job.openers, starts, strict=True))
    ]  # fmt: skip


class Stop(Protocol):
    """Whatever can be asked to stop when it is next at rest."""

    stopping: bool


@contextmanager
def stopping_on_signals(job: Stop) -> Iterator[None]:
    """Stop after the piece under way on the first Ctrl-C or SIGTERM, at once on the second."""

    def stop(number: int, frame: Any) -> None:  # noqa: ARG001
        if job.stopping:
            raise KeyboardInterrupt
        job.stopping = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
