"""The short form, part of `make test`: a TaskManager is killed under a live job, which then changes its parallelism."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from feeding import Feed
from lab import Lab
from live import LiveJob, assert_same
from local_kafka import Broker
from recovery import recovered

pytestmark = [pytest.mark.flink, pytest.mark.kafka]

EVENTS = 15_000
PARTITIONS = 3


def test_killed_and_resumed_with_another_parallelism_the_export_is_the_same(
    cluster: Lab, kafka: Broker, undisturbed: Callable, saw: Callable[..., None], tmp_path: Path
) -> None:
    wanted = undisturbed(EVENTS)
    job = LiveJob(cluster, tmp_path / "home", kafka.topic("short", PARTITIONS))
    feed = Feed(kafka.servers, "short", wanted.lines, PARTITIONS, per_s=500)
    feed.start()
    try:
        job.start(parallelism=2)
        job.await_figures()
        feed.flow()
        cluster.kill_taskmanager(random.Random(1))
        gap = recovered(job)
        first = job.stop()
        job.start(parallelism=1)
        feed.hurry()
        job.await_counts(wanted.counts)
        second = job.stop()
    finally:
        job.abandon()
    assert_same(job.export(), wanted.export)
    saw("short form", events=EVENTS, recovered_after_s=round(gap.after_s, 1))
    assert second["resumed"]
    assert first["events"] + second["events"] == EVENTS
