"""A live job that is stopped with a savepoint and goes on with another parallelism and other settings."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from feeding import Feed
from form import Form
from killing import wait_until
from lab import Lab
from live import LiveJob, assert_same
from local_kafka import Broker

pytestmark = [pytest.mark.chaos, pytest.mark.flink, pytest.mark.kafka]

PARTITIONS = 4
STAGES: tuple[tuple[int, tuple[str, ...]], ...] = (
    (2, ()),
    (4, ("--checkpoint-every", "3s", "--batch-rows", "5000")),
    (1, ("--checkpoint-every", "1s", "--source-parallelism", "1")),
)
"""Parallelism and settings, one start of the command after another."""


@pytest.fixture
def job(cluster: Lab, kafka: Broker, tmp_path: Path) -> Iterator[LiveJob]:
    made = LiveJob(cluster, tmp_path / "home", kafka.topic("savepoints", PARTITIONS))
    yield made
    made.abandon()


def test_parallelism_and_settings_may_change_in_between(
    cluster: Lab, kafka: Broker, job: LiveJob, undisturbed: Callable, size: Form, saw: Callable[..., None]
) -> None:
    wanted = undisturbed(size.live_events // 4)
    feed = Feed(kafka.servers, "savepoints", wanted.lines, PARTITIONS, size.live_per_s)
    feed.start()
    reports = []
    for stage, (parallelism, options) in enumerate(STAGES):
        before = job.total() if stage else 0
        job.start(*options, parallelism=parallelism)
        wait_until(lambda before=before: job.total() > before, "news after the savepoint")
        feed.flow()
        if stage + 1 < len(STAGES):
            more = job.total() + sum(wanted.counts) // 20
            wait_until(lambda more=more: job.total() > more, "some figures more")
        else:
            feed.hurry()
            job.await_counts(wanted.counts)
        reports.append(job.stop())
    assert [report["resumed"] for report in reports] == [False, True, True]
    assert_same(job.export(), wanted.export)
    counted = [report["events"] for report in reports]
    saw("savepoints, parallelism 2 → 4 → 1", events=len(wanted.lines), events_by_stage=counted)
    assert sum(counted) == len(wanted.lines)


def test_another_threshold_is_another_job_that_begins_anew(
    cluster: Lab,
    kafka: Broker,
    undisturbed: Callable,
    size: Form,
    saw: Callable[..., None],
    tmp_path: Path,
) -> None:
    wanted = undisturbed(size.live_events // 10)
    job = LiveJob(cluster, tmp_path / "home", kafka.topic("threshold", PARTITIONS))
    feed = Feed(kafka.servers, "threshold", wanted.lines, PARTITIONS, size.live_per_s)
    feed.start()
    try:
        job.start()
        job.await_figures()
        first = job.stop()
        feed.hurry()
        job.start("--max-out-of-orderness", "45s")
        job.await_counts(wanted.counts)
        second = job.stop()
    finally:
        job.abandon()
    assert_same(job.export(), wanted.export)
    saw("another threshold", events=len(wanted.lines), first=first["events"], second=second["events"])
    assert (second["resumed"], second["events"]) == (False, len(wanted.lines))
