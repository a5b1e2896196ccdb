"""The network between the workers and Redis, or Kafka, is gone for a minute: the same export."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cut_broker import cut_broker
from feeding import Feed
from form import Form
from lab import Lab
from live import LiveJob, assert_same
from local_kafka import Broker
from recovery import recovered
from streaming import free_port, start_server, stop_server, urls
from tcp_proxy import Cable, cable

pytestmark = [pytest.mark.chaos, pytest.mark.flink, pytest.mark.kafka]

PARTITIONS = 4


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "server"
    folder.mkdir()
    start_server(folder, free_port())
    yield folder
    stop_server(folder)


def test_redis_is_cut_off(
    server: Path,
    cluster: Lab,
    kafka: Broker,
    undisturbed: Callable,
    size: Form,
    saw: Callable[..., None],
    tmp_path: Path,
) -> None:
    wanted = undisturbed(size.live_events // 4)
    with cable(int((server / "port").read_text())) as laid:
        job = LiveJob(cluster, tmp_path / "home", kafka.topic("cut-redis", PARTITIONS), urls(server)[0])
        feed = Feed(kafka.servers, "cut-redis", wanted.lines, PARTITIONS, paced(wanted.lines, size))
        through = f"redis://127.0.0.1:{laid.port}/0"
        still_s, report = cut_while_it_runs(job, feed, laid, size.cut_s, wanted.counts, through)
    assert_same(job.export(), wanted.export)
    saw("Redis cut off", events=len(wanted.lines), cut_s=size.cut_s, recovered_after_mending_s=still_s,
        connections=laid.connections, events_reported=report["events"])  # fmt: skip
    assert report["events"] == len(wanted.lines)


def test_kafka_is_cut_off(
    cluster: Lab, undisturbed: Callable, size: Form, saw: Callable[..., None], tmp_path: Path
) -> None:
    wanted = undisturbed(size.live_events // 4)
    with cut_broker(tmp_path / "broker") as (broker, direct, laid):
        broker.topic("cut-kafka", PARTITIONS)
        job = LiveJob(cluster, tmp_path / "home", f"kafka://127.0.0.1:{laid.port}/cut-kafka")
        feed = Feed(direct, "cut-kafka", wanted.lines, PARTITIONS, paced(wanted.lines, size))
        still_s, report = cut_while_it_runs(job, feed, laid, size.cut_s, wanted.counts)
        assert_same(job.export(), wanted.export)
    saw("Kafka cut off", events=len(wanted.lines), cut_s=size.cut_s, recovered_after_mending_s=still_s,
        connections=laid.connections, events_reported=report["events"])  # fmt: skip
    assert report["events"] == len(wanted.lines)


def paced(lines: list[bytes], size: Form) -> float:
    """Return a pace at which events still come some time after the cut."""
    return min(size.live_per_s, len(lines) / (size.cut_s + 40))


def cut_while_it_runs(
    job: LiveJob, feed: Feed, laid: Cable, cut_s: float, counts: list[int], through: str | None = None
) -> tuple[float, dict]:
    """Run the job over all events, with its cable cut for a while; returns when figures moved after mending."""
    feed.start()
    try:
        job.start(through=through)
        job.await_figures()
        feed.flow()
        time.sleep(10)
        laid.cut()
        # What was read before the cut may still come to Redis where it is Kafka that is cut off.
        time.sleep(cut_s / 2)
        before = job.total()
        time.sleep(cut_s / 2)
        assert job.total() == before, "figures moved while the cable was cut"
        laid.mend()
        after = recovered(job).after_s
        feed.hurry()
        job.await_counts(counts)
        return round(after, 1), job.stop()
    finally:
        job.abandon()
