"""A Redis that is emptied, or comes back as it was minutes ago, under a live job on the cluster."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from feeding import Feed
from form import Form
from killing import wait_until
from lab import Lab
from live import LiveJob, assert_same
from local_kafka import Broker
from streaming import free_port, start_server, stop_server, urls

from schemas.keys import NAMESPACE, incidents_key

pytestmark = [pytest.mark.chaos, pytest.mark.flink, pytest.mark.kafka]

PARTITIONS = 4
OPTIONS = ("--allowed-lateness", "60s")
"""Little lateness, so that most windows have been closed and forgotten by the time of the loss."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "server"
    folder.mkdir()
    start_server(folder, free_port(), log=False)
    yield folder
    stop_server(folder)


def emptied(server: Path, client: Any, age_s: float) -> None:
    client.flushall()


def as_it_was(server: Path, client: Any, age_s: float) -> None:
    """Save a copy, go on for a while, kill the server and start it from the copy."""
    client.save()
    time.sleep(age_s)
    os.kill(int((server / "pid").read_text()), signal.SIGKILL)
    wait_until(lambda: not _answers(client), "the server's end")
    start_server(server, int((server / "port").read_text()), log=False)


def _answers(client: Any) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def losses(job: LiveJob) -> int:
    return int(job.client.hget(incidents_key(NAMESPACE), "store_losses") or 0)


@pytest.mark.parametrize("lose", [emptied, as_it_was])
def test_the_loss_is_noticed_and_the_export_is_right(
    lose: Callable[[Path, Any, float], None],
    server: Path,
    cluster: Lab,
    kafka: Broker,
    undisturbed: Callable,
    size: Form,
    saw: Callable[..., None],
    tmp_path: Path,
) -> None:
    wanted, name = undisturbed(size.live_events // 2), f"lost-{lose.__name__}"
    job = LiveJob(cluster, tmp_path / "home", kafka.topic(name, PARTITIONS), urls(server)[0])
    pace = min(size.live_per_s, len(wanted.lines) / (size.old_copy_s + 40))
    feed = Feed(kafka.servers, name, wanted.lines, PARTITIONS, pace)
    feed.start()
    try:
        job.start(*OPTIONS)
        job.await_figures()
        feed.flow()
        time.sleep(15)
        before = losses(job)
        lose(server, job.client, size.old_copy_s)
        wait_until(lambda: losses(job) > before, "a step that notices")
        assert feed.is_alive(), "all events were there before the loss was noticed"
        feed.hurry()
        job.await_counts(wanted.counts)
        report = job.stop()
    finally:
        job.abandon()
    assert_same(job.export(), wanted.export)
    saw(
        f"Redis {lose.__name__}",
        events=len(wanted.lines),
        age_s=size.old_copy_s if lose is as_it_was else None,
        store_losses=losses(job),
        events_reported=report["events"],
    )
    assert report["events"] == len(wanted.lines)
