"""A job on a runner that keeps state itself: what it is, and what is known of its earlier attempts."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from runners.clusters.records import read_record, write_record
from runners.composition import cluster_options, cluster_sources, described, is_bounded
from runners.embedded_redis import OpenRedis
from runners.job_sources import Opener, OpenKafka
from runners.job_store import CLEAN, RUNNING, JobStore
from runners.jobs_request import JobRequest
from runners.pseudonyms import pseudonyms_of
from runners.redis_patience import patiently
from runners.settings import Settings

RECORD: Final = "cluster-job.json"


@dataclass
class ClusterJob:
    """One run in preparation: what is asked, where results go, and which attempt it is."""

    request: JobRequest
    settings: Settings
    redis: OpenRedis
    id: str
    openers: list[Opener]
    attempt: int = 0
    resumed: bool = False
    known: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = JobStore(self.redis.client, self.settings.namespace)
        self.bounded = is_bounded(self.request, self.openers)
        self.known = read_record(self._path)

    @property
    def _path(self) -> Path:
        return self.settings.data_dir / RECORD

    def is_known(self) -> bool:
        """Whether the last attempt was this job's, over the same files, and Redis still holds its figures."""
        held = self.store.described()
        if held.get("status") == CLEAN and any(isinstance(opener, OpenKafka) for opener in self.openers):
            return False  # The topic may have grown, and what has ended on a cluster does not go on: read it anew.
        same = self.id == held.get("job_id") == self.known.get("job_id")
        same = same and self.known.get("shards") == self.settings.shards
        return not self.request.fresh and same and self._files_are_same()

    def is_complete(self) -> bool:
        """Whether it was read to its end before, and nothing has changed since."""
        return self.bounded and self.is_known() and self.store.described().get("status") == CLEAN

    def begin(self) -> None:
        """Start from nothing: earlier figures go."""
        patiently(self.redis, partial(self.store.clear, pseudonyms_of(self.settings)))
        self.resumed = False
        self.known = {}
        self._attempt()

    def go_on(self) -> None:
        """Go on from what an earlier attempt left; what it wrote last stays until it is written again."""
        self.resumed = True
        self._attempt()

    def _attempt(self) -> None:
        self.attempt = patiently(self.redis, self.store.next_epoch)
        fields = described(self.id, self.request, self.settings, self.attempt)
        patiently(self.redis, partial(self.store.describe, RUNNING, fields))
        self.note(job_id=self.id, attempt=self.attempt, shards=self.settings.shards, files=self._files())

    def note(self, **facts: Any) -> None:
        """Put facts about the job on disk."""
        self.known.update(facts)
        write_record(self._path, self.known)

    def end(self) -> None:
        """Take note that all of it is in Redis."""
        patiently(self.redis, partial(self.store.describe, CLEAN, {}))

    def describe_again(self) -> None:
        """Put the description back where Redis was emptied: exports need it, and the next command's going on."""
        if not self.store.described():
            fields = described(self.id, self.request, self.settings, self.attempt)
            self.store.describe(RUNNING, fields)

    def counts(self) -> dict[str, int]:
        """Return what has been counted since the job began, as its state has it."""
        return patiently(self.redis, self.store.counts)

    def compose(self, pipeline: Any) -> None:
        """Add the pipeline's steps."""
        from pipelines.live_room import build_live_room

        shards = self.settings.shards
        options = cluster_options(
            self.request, self.settings, self.redis.url, shards, self.bounded, tuple(self.store.erased())
        )
        build_live_room(pipeline, cluster_sources(self.request, self.settings, self.openers, shards), options)

    def _files(self) -> dict[str, list[Any]]:
        from runners.job_places import seen_files

        return {name: list(seen) for name, seen in seen_files(self.openers).items()}

    def _files_are_same(self) -> bool:
        return not self.bounded or self.known.get("files") == self._files()
