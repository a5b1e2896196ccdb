"""An hour of steady load: memory, lag and checkpoints stay as they were once all horizons had been passed."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
import pytest
from confluent_kafka import Producer
from form import Form
from killing import wait_until
from lab import Lab
from live import LiveJob
from local_kafka import Broker
from running import ROOT

from runners.clusters import kafka_broker
from runners.clusters.flink_members import JOBMANAGER, WORKER_POOL, is_taskmanager
from runners.job_store import JobStore
from schemas.keys import metric_key, unpack_version
from transforms.shards import COMPACT_AFTER_BYTES

sys.path.insert(0, str(ROOT / "benchmarks"))

from event_lines import lines_of
from generate_events import Generator

pytestmark = [pytest.mark.chaos, pytest.mark.flink, pytest.mark.kafka]

PARTITIONS = 4
LOOK_EVERY_S = 10.0
OUT_OF_ORDER_MS = 30_000
"""By how much the watermark is behind the newest event, which is what a job does unless it is told otherwise."""
STEP_S = 0.05
HORIZONS = (
    "--dedup-horizon", "5m", "--order-horizon", "22m", "--allowed-lateness", "2m",
    "--attribution-window", "click_30m", "--checkpoint-every", "10s",
)  # fmt: skip
"""Short enough to be passed in the first half: refunds come up to 20 minutes after the payment."""
GROWTH = 1.10
"""How much larger a process may be in the last quarter than in the one before: more would be 40 % an hour."""
STATE_MB = 9 * 2 * (COMPACT_AFTER_BYTES >> 20)
"""State on disk is not flat: each of nine shards keeps a log beside its snapshot until it is as long as that allows."""
TOPIC = {"retention.bytes": str(256 << 20), "segment.bytes": str(64 << 20)}


class SteadyFeed(threading.Thread):
    """Puts newly drawn events at a steady pace; they happen in the time that they are put in."""

    def __init__(self, servers: str, topic: str, per_s: float, for_s: float) -> None:
        super().__init__(daemon=True)
        self._producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "linger.ms": 20})
        self._topic, self.per_s, self._for_s = topic, per_s, for_s
        self.put = self.newest_ms = 0

    def run(self) -> None:
        began = time.monotonic()
        for block in Generator(1, self.per_s).blocks():
            newest = np.maximum(np.maximum.accumulate(block["time"]), self.newest_ms).tolist()
            lines = bytes(lines_of(block)).splitlines(keepends=True)
            for line, newest_ms in zip(lines, newest, strict=True):
                self._producer.produce(self._topic, line, partition=self.put % PARTITIONS)
                self.put, self.newest_ms = self.put + 1, newest_ms
                if self.put % int(self.per_s * STEP_S) == 0:
                    self._producer.poll(0)
                    time.sleep(max(0.0, began + self.put / self.per_s - time.monotonic()))
            if time.monotonic() - began > self._for_s:
                break
        self._producer.flush()


@pytest.fixture
def job(cluster: Lab, kafka: Broker, tmp_path: Path) -> Iterator[LiveJob]:
    made = LiveJob(cluster, tmp_path / "home", kafka.topic("soak", PARTITIONS, **TOPIC))
    yield made
    made.abandon()


def test_nothing_grows_with_time(
    cluster: Lab, kafka: Broker, job: LiveJob, size: Form, saw: Callable[..., None]
) -> None:
    feed = SteadyFeed(kafka.servers, "soak", size.soak_per_s, size.soak_s)
    feed.start()
    job.start(*HORIZONS)
    job.await_figures()
    wait_until(lambda: figures_as_of_ms(job) > 0, "a watermark")
    looks = []
    while feed.is_alive():
        looks.append(look(cluster, kafka, job, feed))
        saw("soak", **looks[-1])
        assert not job.has_ended(), job.said
        feed.join(LOOK_EVERY_S)
    wait_until(lambda: JobStore(job.client, "is").counts()["events"] == feed.put, "all events to be read")
    report = job.stop()
    quarters = [quarter(looks, number) for number in range(4)]
    saw("soak by quarters", events=feed.put, reported=report["events"], quarters=quarters)
    assert report["events"] == feed.put
    before, last = quarters[2:]
    for name, now in last.items():
        if name.endswith("_mb") and name not in ("redis_mb", "state_mb"):
            assert now <= before[name] * GROWTH, f"{name} grew from {before[name]} to {now}"
    assert last["state_mb"] <= STATE_MB
    assert last["behind_s"] <= max(10.0, 2 * before["behind_s"])
    assert last["checkpoint_ms"] <= max(5000, 2 * before["checkpoint_ms"])


def look(cluster: Lab, kafka: Broker, job: LiveJob, feed: SteadyFeed) -> dict[str, Any]:
    """Return what every process takes, how far behind the figures are, and what the last checkpoint took."""
    pids = cluster.pids()
    broker = kafka_broker.status(kafka.folder)["broker"]["pid"]
    checkpoint = last_checkpoint(cluster)
    return {
        "put": feed.put,
        "behind_s": round((feed.newest_ms - OUT_OF_ORDER_MS - figures_as_of_ms(job)) / 1000, 2),
        "jobmanager_mb": resident_mb([pids[JOBMANAGER]]),
        "taskmanagers_mb": resident_mb([pid for name, pid in pids.items() if is_taskmanager(name)]),
        "workers_mb": resident_mb([pids[WORKER_POOL], *cluster.workers()]),
        "broker_mb": resident_mb([broker]),
        "redis_mb": round(job.client.info("memory")["used_memory"] / 2**20),
        "checkpoint_ms": checkpoint.get("end_to_end_duration", 0),
        "state_mb": round(checkpoint.get("state_size", 0) / 2**20),
    }


def figures_as_of_ms(job: LiveJob) -> int:
    """Return up to which event time the platform's figures in Redis have come, at the end of all steps."""
    value = job.client.hget(metric_key("is", "e", "platform", "total", -1), "all")
    return unpack_version(value).as_of_ms


def resident_mb(pids: list[int]) -> int:
    return round(sum(psutil.Process(pid).memory_info().rss for pid in pids) / 2**20)


def last_checkpoint(cluster: Lab) -> dict[str, Any]:
    """Return Flink's own account of the last complete checkpoint."""
    [running] = [each["jid"] for each in cluster.rest.jobs() if each["state"] == "RUNNING"]
    return cluster.rest.ask(f"/jobs/{running}/checkpoints")["latest"]["completed"] or {}


def quarter(looks: list[dict[str, Any]], number: int) -> dict[str, float]:
    """Return the median of every figure in one quarter of the time."""
    part = looks[len(looks) * number // 4 : len(looks) * (number + 1) // 4]
    return {name: median(each[name] for each in part) for name in looks[0]}
