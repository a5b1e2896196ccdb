"""The launcher for Flink: submits a job, looks after it through Flink's REST interface, and ends it.

With checkpoints a bounded job never ends by itself on Flink. It is over once every step has seen and passed
on the greatest watermark, which Beam sends when nothing can come any more, and each bundle before it has
been finished, results in Redis included. Then the job is cancelled.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from runners.cluster_job import ClusterJob
from runners.clusters.flink_rest import FlinkRest, UnreachableError
from runners.clusters.progress import Tell
from runners.direct import quiet_beam, root_cause
from runners.flink_ends import is_past_everything, may_be_past_everything
from runners.flink_target import FlinkTarget
from schemas.errors import InterestreamError, JobError, StoreError

if TYPE_CHECKING:
    from runners.jobs import Stop

_LOG: Final = logging.getLogger(__name__)
LOOK_EVERY_S: Final = 0.5
TELL_EVERY_S: Final = 5.0
SUBMIT_PATIENCE_S: Final = 120.0
UNREACHABLE_PATIENCE_S: Final = 180.0
MOST_FAILED_HEALS: Final = 5
SAVEPOINT_PATIENCE_S: Final = 600.0
_OVER: Final = frozenset({"FINISHED", "CANCELED", "FAILED"})
_LOST: Final = "LOST"
LIVE_BUNDLE_MS: Final = 100
REPLAY_BUNDLE_MS: Final = 200


def job_options(job: ClusterJob, target: FlinkTarget, savepoint: str | None) -> list[str]:
    """Return Beam's options for a job on Flink; what the user gave comes last and counts."""
    bundle_ms = REPLAY_BUNDLE_MS if job.bounded and not job.request.speed else LIVE_BUNDLE_MS
    return [
        "--runner=PortableRunner", "--streaming", f"--job_name={job_name(job)}", *target.options,
        f"--parallelism={default_parallelism(target.slots(), job.settings.shards)}", f"--max_parallelism={MAX_PARALLELISM}",
        # Without it checkpoints complete and nothing comes out.
        "--finish_bundle_before_checkpointing", f"--max_bundle_time_mills={bundle_ms}",
        f"--checkpointing_interval={job.settings.checkpoint_every_ms}", "--externalized_checkpoints_enabled",
        "--retain_externalized_checkpoints_on_cancellation", "--state_backend=rocksdb",
        *([f"--savepoint_path={savepoint}"] if savepoint else []),
        *job.request.beam_options,
    ]  # fmt: skip


MAX_PARALLELISM: Final = 128
"""Part of a savepoint: it can be resumed at any parallelism up to this."""


def default_parallelism(slots: int, shards: int) -> int:
    """Return half the slots, so that a job goes on at once when half of the TaskManagers are lost.

    >>> [default_parallelism(slots, 4) for slots in (1, 2, 4, 64)]
    [1, 1, 2, 4]
    """
    return min(max(slots // 2, 1), shards)


def job_name(job: ClusterJob) -> str:
    """Return the name under which an attempt is found on the cluster."""
    return f"interestream-{job.id[:12]}-{job.attempt}"


@dataclass
class FlinkRun:
    """One job on one cluster, from its submission or rediscovery to its end."""

    job: ClusterJob
    target: FlinkTarget
    stop: "Stop"
    tell: Tell
    before: dict[str, int] = field(default_factory=dict)
    seen: int = 0
    failed_heals: int = 0

    @property
    def rest(self) -> FlinkRest:
        """The cluster's REST interface."""
        return self.target.rest

    def run(self) -> dict[str, int]:
        """Run the job to its end and return what it counted meanwhile; raises JobError if it failed."""
        counted = self.job.counts()  # Before the job is submitted: it counts from then on.
        flink_id = self._running() or self._started()
        self.before = counted if self.job.resumed else {}
        while True:
            how = self._watched(flink_id)
            if how != _LOST:
                break
            flink_id = self._started()
        if how == "FAILED":
            raise JobError(f"The job failed on Flink: {self.rest.root_cause(flink_id)}")
        return {name: count - self.before.get(name, 0) for name, count in self.job.counts().items()}

    def _running(self) -> str | None:
        """Return the job's running attempt, if an earlier command left one; end one that is not this job's."""
        flink_id = self.job.known.get("flink_id")
        if flink_id is None or self.job.known.get("rest_url") != self.rest.url:
            return None
        if self._state_among(self._jobs(), flink_id) in (*_OVER, _LOST):
            return None
        if self.job.is_known():
            self.job.resumed = True
            self.job.attempt = self.job.known["attempt"]
            self.tell(f"going on with the job that runs on Flink: {flink_id}")
            return str(flink_id)
        self._end(flink_id)
        return None

    def _started(self) -> str:
        """Submit the job, from where the last attempt stood if that can be gone on from."""
        savepoint = self._last_state() if self.job.is_known() else None
        if savepoint is None:
            self.job.begin()
        else:
            self.job.go_on()
        self.tell("submitting")
        flink_id = self._submitted(savepoint)
        self.job.note(flink_id=flink_id, rest_url=self.rest.url, savepoint=None, from_state=savepoint)
        return flink_id

    def _last_state(self) -> str | None:
        known = self.job.known
        latest = self.target.latest_checkpoint(known["flink_id"]) if known.get("flink_id") else None
        # An attempt that never came to a checkpoint of its own leaves the state that it began with.
        return known.get("savepoint") or latest or known.get("from_state")

    def _submitted(self, savepoint: str | None) -> str:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions

        before = {each["jid"] for each in self._jobs()}
        with quiet_beam():
            options = PipelineOptions(job_options(self.job, self.target, savepoint))
            pipeline = beam.Pipeline(options=options)
            self.job.compose(pipeline)
            try:
                result = pipeline.run()
            except InterestreamError:
                raise
            except Exception as error:
                raise JobError(f"The job could not be submitted: {root_cause(error)}") from error
        return self._found(before, result)

    def _found(self, before: set[str], result: Any) -> str:
        """Wait until Flink knows the job by its name; another data directory's may have the same."""
        name = job_name(self.job)
        deadline = time.monotonic() + SUBMIT_PATIENCE_S
        while time.monotonic() < deadline:
            for each in self._jobs():
                if each["name"] == name and each["jid"] not in before:
                    return str(each["jid"])
            if result.state in ("FAILED", "CANCELLED"):
                break
            time.sleep(LOOK_EVERY_S / 2)
        said = getattr(result, "_last_error_message", lambda: "")()
        raise JobError(f"Flink did not take the job: {said or 'see interestream flink logs job-server'}")

    def _jobs(self) -> list[dict[str, Any]]:
        """Return the cluster's jobs; asks again for a while, since a busy JobManager may be slow to answer."""
        deadline = time.monotonic() + SUBMIT_PATIENCE_S
        while True:
            try:
                return self.rest.jobs()
            except UnreachableError as error:
                if time.monotonic() > deadline:
                    raise JobError(
                        f"Flink at {self.rest.url} has not answered for {SUBMIT_PATIENCE_S:.0f} s ({error}). "
                        "See that it runs, and run the same command again."
                    ) from error
                time.sleep(LOOK_EVERY_S)

    def _watched(self, flink_id: str) -> str:
        """Look after the job until it is over, and say how it ended."""
        told, away_since = 0.0, None
        while True:
            if self.job.redis.embedded:
                self._ensure_redis()
            try:
                state = self._state(flink_id)
                if self.stop.stopping and state not in (*_OVER, _LOST):
                    self._stop_with_savepoint(flink_id)
                    return "STOPPED"
            except UnreachableError as error:
                away_since = away_since or time.monotonic()
                self._await_cluster(away_since, error)
                continue
            away_since = None
            if state in (*_OVER, _LOST):
                return self._over(state)
            if self.job.bounded and state == "RUNNING" and self._is_done(flink_id):
                self.job.end()
                self._end(flink_id)
                return "DONE"
            if time.monotonic() - told > TELL_EVERY_S:
                told = time.monotonic()
                self._show(flink_id, state)
                if self.target.lacks_processes():
                    self.tell("starting again what is missing of the cluster")
                    self._heal()
            time.sleep(LOOK_EVERY_S)

    def _ensure_redis(self) -> None:
        try:
            self.job.redis.ensure()
        except StoreError as error:
            _LOG.warning("%s", error)

    def _over(self, state: str) -> str:
        if state == "FINISHED" and self.job.bounded:
            self.job.end()
        if state == "CANCELED":
            raise JobError("The job was cancelled on Flink. Run the same command again: it goes on.")
        return state

    def _state(self, flink_id: str) -> str:
        """Return a job's state; `LOST` where the cluster knows it no more, or not yet again."""
        return self._state_among(self.rest.jobs(), flink_id)

    @staticmethod
    def _state_among(jobs: list[dict[str, Any]], flink_id: str) -> str:
        return next((str(each["state"]) for each in jobs if each["jid"] == flink_id), _LOST)

    def _await_cluster(self, since: float, error: Exception) -> None:
        if time.monotonic() - since > UNREACHABLE_PATIENCE_S:
            raise JobError(
                f"Flink at {self.rest.url} has been away for {UNREACHABLE_PATIENCE_S:.0f} s ({error}). "
                "Start it again and run the same command: it goes on."
            ) from error
        self.tell("Flink does not answer; starting what is missing")
        self._heal()
        time.sleep(LOOK_EVERY_S)

    def _heal(self) -> None:
        """Start what is missing; what dies meanwhile is missing at the next look, a few times in a row."""
        try:
            self.target.heal(self.tell)
            self.failed_heals = 0
        except JobError as error:
            self.failed_heals += 1
            if self.failed_heals == MOST_FAILED_HEALS:
                raise
            _LOG.warning("%s", error)

    def _is_done(self, flink_id: str) -> bool:
        return self._asked(lambda: self._has_passed_everything(flink_id)) or False

    def _has_passed_everything(self, flink_id: str) -> bool:
        vertices = self.rest.job(flink_id)["vertices"]
        if not may_be_past_everything(self.rest, flink_id, vertices):
            return False
        return is_past_everything(self.rest, flink_id, vertices)

    def _show(self, flink_id: str, state: str) -> None:
        said = f"{self._events():,} events"
        if state == "RESTARTING":
            said = f"{said}, after {self._asked(lambda: self.rest.root_cause(flink_id))}"
        self.tell(f"{state.lower()}: {said}")

    def _events(self) -> int:
        """Return how many events have been read since the job began, as far as Redis can say now."""
        import redis

        with suppress(redis.RedisError):
            self.job.describe_again()
            self.seen = self.job.store.counts()["events"]
        return self.seen

    def _asked(self, question: "Callable[[], Any]") -> Any:
        """Return an answer, None where Flink cannot give one now: the next look will tell."""
        try:
            return question()
        except (UnreachableError, JobError) as error:
            _LOG.info("%s", error)
            return None

    def _stop_with_savepoint(self, flink_id: str) -> None:
        self.tell("stopping with a savepoint")
        self._show(flink_id, "stopping")
        request = self.rest.stop_with_savepoint(flink_id, self.target.savepoints or "")
        deadline = time.monotonic() + SAVEPOINT_PATIENCE_S
        while time.monotonic() < deadline:
            outcome = self.rest.savepoint(flink_id, request)
            if outcome["status"]["id"] == "COMPLETED":
                break
            time.sleep(LOOK_EVERY_S / 2)
        location = outcome.get("operation", {}).get("location")
        if location is None:
            self._end(flink_id)
            _LOG.warning("No savepoint was taken; the job goes on from its last checkpoint.")
        self.job.note(savepoint=location)

    def _end(self, flink_id: str) -> None:
        """Cancel the job and wait until it is gone."""
        self.rest.cancel(flink_id)
        deadline = time.monotonic() + SUBMIT_PATIENCE_S
        while self._state(flink_id) not in (*_OVER, _LOST) and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S / 2)
