"""A TaskManager and its Python worker that freeze until they were replaced, and then go on: nobody takes their writes."""

import itertools
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from feeding import Feed
from form import Form
from killing import wait_until
from lab import Lab
from live import LiveJob, assert_same
from local_kafka import Broker
from recovery import recovered

from schemas.keys import NAMESPACE, incidents_key

pytestmark = [pytest.mark.chaos, pytest.mark.flink, pytest.mark.kafka]

PARTITIONS = 4
AHEAD_S = 2.0
"""The worker wakes up before its TaskManager, which would end it: it has what it was given to write down by then."""


@pytest.fixture
def job(cluster: Lab, kafka: Broker, tmp_path: Path) -> Iterator[LiveJob]:
    made = LiveJob(cluster, tmp_path / "home", kafka.topic("zombies", PARTITIONS))
    yield made
    made.abandon()
    cluster.up()


def frozen(cluster: Lab, draw: random.Random) -> tuple[int, list[int]]:
    """Stop one TaskManager and its workers, as when their machine hangs."""
    wait_until(lambda: bool(cluster.workers_at_work()), "a Python worker")
    busy = [each for each in sorted(cluster.taskmanagers()) if cluster.workers_at_work(each)]
    taskmanager = draw.choice(busy)
    workers = cluster.workers_at_work(taskmanager)
    for pid in (*workers, taskmanager):
        os.kill(pid, signal.SIGSTOP)
    return taskmanager, workers


def thawed(taskmanager: int, workers: list[int]) -> None:
    with suppress(ProcessLookupError):
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        time.sleep(AHEAD_S)
    with suppress(ProcessLookupError):
        os.kill(taskmanager, signal.SIGCONT)


def refused(job: LiveJob) -> int:
    return int(job.client.hget(incidents_key(NAMESPACE), "writes_refused") or 0)


def test_its_writes_are_refused_and_counted(
    cluster: Lab, kafka: Broker, job: LiveJob, undisturbed: Callable, size: Form, saw: Callable[..., None]
) -> None:
    wanted, draw = undisturbed(size.live_events), random.Random("zombie 1")
    feed = Feed(kafka.servers, "zombies", wanted.lines, PARTITIONS, size.live_per_s)
    job.start()
    feed.start()
    job.await_figures()
    feed.flow()
    gaps, counts = [], [0]
    for _ in range(size.kills):
        time.sleep(draw.uniform(3, 8))
        assert feed.is_alive(), "all events were there before the last freeze"
        taskmanager, workers = frozen(cluster, draw)
        try:
            gaps.append(recovered(job))
        finally:
            thawed(taskmanager, workers)
        time.sleep(3)
        counts.append(refused(job))
        wait_until(lambda: len(cluster.taskmanagers()) == 2, "both TaskManagers")
    feed.hurry()
    job.await_counts(wanted.counts)
    report = job.stop()
    assert_same(job.export(), wanted.export)
    saw(
        "zombie",
        events=len(wanted.lines),
        freezes=len(gaps),
        recovered_after_s=[round(gap.after_s, 1) for gap in gaps],
        writes_refused=[after - before for before, after in itertools.pairwise(counts)],
        events_reported=report["events"],
    )
    assert counts[-1] > 0
    assert report["events"] == len(wanted.lines)
