"""A live job that was away while an hour of events came: it takes all of them at its own pace, in bounded memory."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from feeding import Feed
from form import Form
from lab import Lab
from live import LiveJob, assert_same
from local_kafka import Broker

pytestmark = [pytest.mark.chaos, pytest.mark.flink, pytest.mark.kafka]

PARTITIONS = 4
MOST_MB = 2_500
"""What one Python worker may take at most: state, and the few pieces that are under way, however many events wait."""


@pytest.fixture
def job(cluster: Lab, kafka: Broker, tmp_path: Path) -> Iterator[LiveJob]:
    made = LiveJob(cluster, tmp_path / "home", kafka.topic("outage", PARTITIONS))
    yield made
    made.abandon()


class Watch(threading.Thread):
    """The most memory of any worker of the cluster, in MB, looked at twice a second."""

    def __init__(self, cluster: Lab) -> None:
        super().__init__(daemon=True)
        self._cluster, self._ended, self.most_mb = cluster, threading.Event(), 0.0

    def run(self) -> None:
        while not self._ended.wait(0.5):
            for pid in self._cluster.workers():
                try:
                    self.most_mb = max(self.most_mb, psutil.Process(pid).memory_info().rss / (1 << 20))
                except psutil.Error:
                    continue

    def end(self) -> float:
        self._ended.set()
        self.join()
        return self.most_mb


def test_what_came_in_the_meantime_is_caught_up_with(
    cluster: Lab, kafka: Broker, job: LiveJob, undisturbed: Callable, size: Form, saw: Callable[..., None]
) -> None:
    wanted = undisturbed(size.live_events)
    feed = Feed(kafka.servers, "outage", wanted.lines, PARTITIONS, size.live_per_s)
    feed.start()
    job.start()
    job.await_figures()
    first = job.stop()
    feed.hurry()  # All at once is what a source does that is many times too fast.
    watch, began_s = Watch(cluster), time.monotonic()
    watch.start()
    job.start()
    job.await_counts(wanted.counts)
    took_s, most_mb = time.monotonic() - began_s, watch.end()
    second = job.stop()
    assert_same(job.export(), wanted.export)
    saw(
        "outage", events=second["events"], caught_up_after_s=round(took_s, 1),
        events_per_s=round(second["events"] / took_s), most_of_a_worker_mb=round(most_mb),
    )  # fmt: skip
    assert (second["resumed"], first["events"] + second["events"]) == (True, len(wanted.lines))
    assert most_mb < MOST_MB
