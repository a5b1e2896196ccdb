"""Backfill of feature views: what they know of all that a job has read, made beside it, and handed over to it.

A smaller pipeline reads the job's sources from their beginning as far as the job's last checkpoint and no further, with
checkpoints of its own. What a job keeps of features is a function of the set of events, so at the same places both keep
the same, and the job can go on with it: from there on every event is new to both.
"""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from runners.composition import feature_views, job_dimensions, time_bounds
from runners.embedded_redis import open_redis
from runners.job_identity import job_id, same_reading, views_id
from runners.job_lock import alone
from runners.job_places import places_now, whole_position
from runners.job_sources import bounded, openers
from runners.job_store import JobStore
from runners.jobs_request import JobRequest
from runners.progress import show_progress
from runners.pseudonyms import pseudonyms_of
from runners.redis_patience import patiently
from runners.settings import Settings
from schemas.errors import JobError, UsageError
from transforms import checkpoints as checkpoint_registry
from transforms.checkpoints import MANIFEST, Checkpoints, last_manifest, write_state

if TYPE_CHECKING:
    from rich.console import Console

    from transforms.io.blocks import Place
    from transforms.io.read import SourceConfig
    from transforms.io.session import Position

FOLDER: Final = "backfill"
"""Where in the data directory a backfill keeps its state."""
STEP: Final = "Features-0"
"""The step whose state is handed over."""
_CHECKPOINTS: Final = "checkpoints"
_SPILL: Final = "spill"


@dataclass(frozen=True)
class BackfillReport:
    """What one run of a backfill read, how long that took, and whether it came to where the job's checkpoint stood."""

    events: int
    seconds: float
    reached: bool


def backfill_features(request: JobRequest, settings: Settings, console: "Console") -> BackfillReport:
    """Let the views of a request know what the job in the data directory has read; it may run, and goes on running.

    May be stopped, killed and repeated: it goes on where it was. Raises UsageError where there is no such job.
    """
    with alone(settings.data_dir / FOLDER), open_redis(settings.redis, settings.data_dir) as redis:
        backfill = _Backfill(request, settings, _job_beside(request, settings))
        names = [view.name for view in feature_views(request, settings)]
        patiently(redis, partial(JobStore(redis.client, settings.namespace).tell_backfill, names))
        return backfill.run(console)


def hand_over(request: JobRequest, settings: Settings, manifest: dict[str, Any], console: "Console") -> bool:
    """Let a job's last checkpoint be that of one with the views of this request; False where nothing was read yet.

    What a backfill has not read yet is read now. The checkpoint is replaced in one step: a kill before leaves the job of
    before, one after it that of this request. Records are published under a new generation, which readers are told of
    once they are all there.
    """
    with alone(settings.data_dir / FOLDER):
        backfill = _Backfill(request, settings, manifest)
        if not backfill.run(console).reached:
            raise JobError("Stopped before the views knew of all events. Run the same command: it goes on.")
        state = backfill.state()
        if state is None:
            return False
        shards = manifest["shards"]
        state["generation"] = shards[STEP]["generation"] + 1 if STEP in shards else 0
        taken = manifest | {"job_id": job_id(request, settings), "shards": shards | {STEP: state}}
        write_state(settings.data_dir / _CHECKPOINTS / MANIFEST, taken)
    shutil.rmtree(settings.data_dir / FOLDER, ignore_errors=True)
    return True


def _job_beside(request: JobRequest, settings: Settings) -> dict[str, Any]:
    manifest, identity = last_manifest(settings.data_dir / _CHECKPOINTS), job_id(request, settings)
    if manifest is None or not same_reading(manifest["job_id"], identity):
        raise UsageError(
            f"No job in {settings.data_dir} has read these sources with these settings. Name the sources, --dims and "
            "settings of the job, or run it with the new views from the start."
        )
    if manifest["job_id"].rpartition("-")[2] == identity.rpartition("-")[2]:
        raise UsageError("The job keeps these views already. Name the new ones with --features FILE.")
    return manifest


class _Backfill:
    """One run, from the request and the job's checkpoint to the state at its places."""

    def __init__(self, request: JobRequest, settings: Settings, manifest: Mapping[str, Any]) -> None:
        self._request, self._settings, self._home = request, settings, settings.data_dir / FOLDER
        self._target: list[Position] = manifest["position"]["readers"]
        opened = openers(request.sources, settings.batch_rows, False, False)
        if len(opened) != len(self._target):
            raise UsageError("The job has not begun to read all of its sources. Try again in a while.")
        self._openers = [
            bounded(opener, position.places) for opener, position in zip(opened, self._target, strict=True)
        ]
        self._checkpoints = self._opened()
        self._starts = self._places()

    def _opened(self) -> Checkpoints:
        return Checkpoints(
            self._home / _CHECKPOINTS,
            f"backfill-{views_id(job_id(self._request, self._settings))}",
            every_s=self._settings.checkpoint_every_ms / 1000,
            clock=time.monotonic,
            whole_position=whole_position(self._openers),
        )

    def _places(self) -> "list[Position]":
        """Return where to go on: where an earlier run stood, or at the beginning if that does not fit any more."""
        from transforms.io.session import Position

        if self._checkpoints.restore():
            restored = places_now(self._openers, self._checkpoints.position, self._settings)
            if restored is not None and not any(map(_is_beyond, restored["readers"], self._target)):
                return list(map(_going_on, restored["readers"], self._target))
        self._checkpoints = self._opened()
        self._checkpoints.forget()
        return [Position()] * len(self._openers)

    def run(self, console: "Console") -> BackfillReport:
        """Read as far as the job has, or until it is told to stop."""
        began, before = time.monotonic(), self._checkpoints.counters.get("events", 0)
        if not self._has_reached():
            self._run(console)
        events = self._checkpoints.counters.get("events", 0) - before
        return BackfillReport(events, round(time.monotonic() - began, 3), self._has_reached())

    def _run(self, console: "Console") -> None:
        from pipelines.feature_backfill import build_feature_backfill
        from runners.direct import run_direct, settle_memory
        from runners.jobs import stopping_on_signals

        checkpoints, name = self._checkpoints, self._checkpoints.job_id
        checkpoints.positions = dict(enumerate(self._starts))
        settle_memory(self._home / _SPILL)
        checkpoint_registry.activate(name, checkpoints)
        try:
            with stopping_on_signals(checkpoints), show_progress(checkpoints, self._openers, console):
                self._stop_when_reached()
                run_direct(
                    lambda pipeline: build_feature_backfill(pipeline, self._sources(), self._options()), ()
                )
            if not checkpoints.finish():
                raise JobError(
                    "The backfill ended with pieces under way. Run the same command again: it goes on."
                )
        finally:
            checkpoint_registry.deactivate(name)

    def _stop_when_reached(self) -> None:
        """Stop as a job does that is told to, so that the watermark is what the last events made it."""
        show = self._checkpoints.on_progress

        def tell(checkpoints: Checkpoints) -> None:
            if show is not None:
                show(checkpoints)
            checkpoints.stopping = checkpoints.stopping or self._has_reached()

        self._checkpoints.on_progress = tell

    def _has_reached(self) -> bool:
        now = self._checkpoints.positions or dict(enumerate(self._starts))
        return all(_is_at(now[reader], target) for reader, target in enumerate(self._target))

    def _sources(self) -> "list[SourceConfig]":
        from transforms.io.read import SourceConfig

        return [
            SourceConfig(
                opener, self._settings.currency, time_bounds(self._settings),
                (self._request.from_ms, self._request.to_ms), None, 1, reader, len(self._openers),
                self._checkpoints.job_id, start,
            )
            for reader, (opener, start) in enumerate(zip(self._openers, self._starts, strict=True))
        ]  # fmt: skip

    def _options(self) -> Any:
        from pipelines.options import LiveRoomOptions
        from pipelines.warm_up import Nowhere

        settings = self._settings
        return LiveRoomOptions(
            Nowhere,
            namespace=settings.namespace,
            timezone=settings.timezone,
            bounds=time_bounds(settings),
            order_horizon_ms=settings.order_horizon_ms,
            dimensions=job_dimensions(self._request),
            views=feature_views(self._request, settings),
            pseudonyms=pseudonyms_of(settings),
            job=self._checkpoints.job_id,
        )

    def state(self) -> dict[str, Any] | None:
        """Return what the views know; None where there was nothing to read."""
        manifest = last_manifest(self._checkpoints.directory)
        return None if manifest is None else dict(manifest["shards"][STEP])


def _order(place: "Place | None") -> tuple[int, ...]:
    """Return what places of one partition are ordered by; that of none is the beginning."""
    return tuple(map(int, place.offset.split("-"))) if place else (0,)


def _is_at(position: "Position", target: "Position") -> bool:
    """Whether every partition was read as far as it is to be."""
    return all(
        _order(position.places.get(name)) == _order(place) or not any(_order(place))
        for name, place in target.places.items()
    )


def _is_beyond(position: "Position", target: "Position") -> bool:
    """Whether any partition was read further than it is to be: the job was started over since."""
    return any(_order(place) > _order(target.places.get(name)) for name, place in position.places.items())


def _going_on(position: "Position", target: "Position") -> "Position":
    """Return a position whose partitions have not ended if there is more to read in them."""
    places = {
        name: place._replace(ended=place.ended and _order(place) == _order(target.places.get(name)))
        for name, place in position.places.items()
    }
    return replace(position, places=places)
