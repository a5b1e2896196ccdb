"""A TaskManager and its Python worker that freeze until they were replaced, and then go on: nobody takes their writes.

They freeze while the worker waits for Redis to answer a write that is still on its way; it arrives once they wake up.
"""

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
from lab import Lab, ports_to
from live import LiveJob, assert_same
from local_kafka import Broker
from recovery import recovered
from streaming import free_port, start_server, stop_server, urls
from tcp_proxy import Cable, cable

from schemas.keys import NAMESPACE, incidents_key

pytestmark = [pytest.mark.chaos, pytest.mark.flink, pytest.mark.kafka]

PARTITIONS = 4
ON_THE_WAY_S = 0.7
AHEAD_S = 2.0
"""The worker wakes up before its TaskManager, which would end it."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "server"
    folder.mkdir()
    start_server(folder, free_port())
    yield folder
    stop_server(folder)


@pytest.fixture
def laid(server: Path) -> Iterator[Cable]:
    with cable(int((server / "port").read_text())) as found:
        yield found


@pytest.fixture
def job(cluster: Lab, kafka: Broker, server: Path, tmp_path: Path) -> Iterator[LiveJob]:
    made = LiveJob(cluster, tmp_path / "home", kafka.topic("zombies", PARTITIONS), urls(server)[0])
    yield made
    made.abandon()
    cluster.up()


def frozen(cluster: Lab, laid: Cable, draw: random.Random) -> tuple[int, list[int]]:
    """Stop one TaskManager and its workers, as when their machine hangs, with their writes on the way."""
    wait_until(lambda: bool(cluster.workers_at_work()), "a Python worker")
    busy = [each for each in sorted(cluster.taskmanagers()) if cluster.workers_at_work(each)]
    taskmanager = draw.choice(busy)
    workers = cluster.workers_at_work(taskmanager)
    laid.cut()
    time.sleep(ON_THE_WAY_S)
    for pid in (*workers, taskmanager):
        os.kill(pid, signal.SIGSTOP)
    laid.mend(but=[port for pid in workers for port in ports_to(pid, laid.port)])
    return taskmanager, workers


def thawed(taskmanager: int, workers: list[int], laid: Cable) -> None:
    with suppress(ProcessLookupError):
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        laid.mend()
        time.sleep(AHEAD_S)
    with suppress(ProcessLookupError):
        os.kill(taskmanager, signal.SIGCONT)


def refused(job: LiveJob) -> int:
    return int(job.client.hget(incidents_key(NAMESPACE), "writes_refused") or 0)


def test_its_writes_are_refused_and_counted(
    cluster: Lab,
    kafka: Broker,
    laid: Cable,
    job: LiveJob,
    undisturbed: Callable,
    size: Form,
    saw: Callable[..., None],
) -> None:
    wanted, draw = undisturbed(size.live_events), random.Random("zombie 1")
    feed = Feed(kafka.servers, "zombies", wanted.lines, PARTITIONS, size.live_per_s)
    job.start(through=f"redis://127.0.0.1:{laid.port}/0")
    feed.start()
    job.await_figures()
    feed.flow()
    gaps, counts = [], [0]
    for _ in range(size.kills):
        time.sleep(draw.uniform(3, 8))
        assert feed.is_alive(), "all events were there before the last freeze"
        taskmanager, workers = frozen(cluster, laid, draw)
        try:
            gaps.append(recovered(job))
        finally:
            thawed(taskmanager, workers, laid)
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
