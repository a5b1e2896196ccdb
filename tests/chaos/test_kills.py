"""A live job from Kafka whose processes are killed -9 at random while events come: nothing lost, nothing twice."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from feeding import Feed
from form import Form
from killing import kill_redis
from lab import Lab
from live import LiveJob, assert_same
from local_kafka import Broker
from recovery import recovered

pytestmark = [pytest.mark.chaos, pytest.mark.flink, pytest.mark.kafka]

PARTITIONS = 4
VICTIMS = ("taskmanager", "worker", "jobmanager", "redis", "broker")


@pytest.fixture
def job(cluster: Lab, kafka: Broker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LiveJob]:
    address = kafka.topic(f"kills-{request.node.callspec.id}", PARTITIONS)
    made = LiveJob(cluster, tmp_path / "home", address)
    yield made
    made.abandon()
    cluster.up()


def killer(victim: str, cluster: Lab, kafka: Broker, job: LiveJob) -> Callable[[random.Random], None]:
    """Return what kills one process of a kind; whoever looks after it starts it again, as in earnest."""

    def kill_broker(_draw: random.Random) -> None:
        kafka.kill()
        kafka.start()

    return {
        "taskmanager": cluster.kill_taskmanager,
        "worker": cluster.kill_worker,
        "jobmanager": cluster.kill_jobmanager,
        "redis": lambda _draw: kill_redis(job.home) and None,
        "broker": kill_broker,
    }[victim]


@pytest.mark.parametrize("victim", VICTIMS)
def test_the_export_is_that_of_an_undisturbed_run(
    victim: str,
    cluster: Lab,
    kafka: Broker,
    job: LiveJob,
    undisturbed: Callable,
    size: Form,
    saw: Callable[..., None],
) -> None:
    wanted, draw = undisturbed(size.live_events), random.Random(f"{victim} 1")
    kill = killer(victim, cluster, kafka, job)
    feed = Feed(kafka.servers, f"kills-{victim}", wanted.lines, PARTITIONS, size.live_per_s)
    job.start()
    feed.start()
    job.await_figures()
    feed.flow()
    gaps = []
    for _ in range(size.kills):
        time.sleep(draw.uniform(1, 8))
        assert feed.is_alive(), (
            "all events were there before the last kill: feed more of them, or more slowly"
        )
        kill(draw)
        gaps.append(recovered(job))
    feed.hurry()
    job.await_counts(wanted.counts)
    report = job.stop()
    assert_same(job.export(), wanted.export)
    saw(
        f"kill -9 {victim}",
        events=len(wanted.lines),
        kills=len(gaps),
        recovered_after_s=[round(gap.after_s, 1) for gap in gaps],
        stood_still_s=[round(gap.still_s, 1) for gap in gaps],
        events_reported=report["events"],
    )
    assert report["events"] == len(wanted.lines)
    assert report["accepted"] + report["duplicates"] + sum(report["refused"].values()) == report["events"]
