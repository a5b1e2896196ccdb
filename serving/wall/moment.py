"""What stands in the header of every view: what the figures belong to, and how old they are."""

from dataclasses import dataclass
from typing import Final

from schemas.keys import BEGIN, END, VERSION_BYTES, snapshot_key, unpack_version
from serving.access import Store, read_each
from serving.job import JobState, read_job

HOUR_MS: Final = 3_600_000
DEFAULT_LATENESS_MS: Final = HOUR_MS
"""How late an event may be where the job does not say."""


@dataclass(frozen=True)
class Moment:
    """What the figures of a view are true as of; moments are UTC milliseconds, None where nothing ran yet.

    `final_to_ms`: what lies before no event can change any more, refunds aside. `whole` is False while a
    killed job's last write stands half done.
    """

    as_of_ms: int | None
    final_to_ms: int | None
    currency: str
    timezone: str
    synthetic: bool
    running: bool
    whole: bool


def read_moment(store: Store) -> Moment:
    """Read what all views are headed with; two round trips."""
    begin, end = read_each(store, [("HGET", snapshot_key(store.namespace), name) for name in (BEGIN, END)])
    return moment_of(read_job(store), end, whole=begin == end)


def moment_of(job: JobState, end: bytes | None, *, whole: bool) -> Moment:
    """Return the header by the job's own description and the last mark of a whole write."""
    marked = unpack_version(end).as_of_ms if end and len(end) >= VERSION_BYTES else None
    as_of_ms = marked if marked is not None else job.as_of_ms
    watermark = job.progress.get("watermark_ms")
    watermark_ms = int(watermark) if watermark else as_of_ms
    lateness_ms = int(job.description.get("allowed_lateness_ms", DEFAULT_LATENESS_MS))
    return Moment(
        as_of_ms,
        None if watermark_ms is None else watermark_ms - lateness_ms,
        job.currency or "CNY",
        job.timezone,
        job.synthetic,
        job.description.get("status") == "running",
        whole,
    )
