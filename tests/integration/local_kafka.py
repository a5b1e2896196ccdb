"""A real broker for the tests that need one, and what they do to it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, OffsetSpec, ResourceType
from confluent_kafka.cimpl import NewTopic
from killing import wait_until
from streaming import free_port

from runners.clusters import kafka_broker
from runners.clusters.cluster_state import changing
from runners.clusters.jar_cache import is_whole
from runners.clusters.java import find_java
from runners.clusters.places import cache_home
from schemas.errors import InterestreamError
from transforms.io.kafka_client import quiet_logger


class Broker:
    """A broker with its topics; `servers` is where clients reach it."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder, self._cache = folder, cache
        with changing(folder) as state:
            # Not the usual ports: another broker would take them while this one is dead.
            state.ports = {"broker": free_port(), "controller": free_port()}
            state.write()
        self.start()
        self.servers: str = kafka_broker.status(folder)["bootstrap_servers"]
        self.admin = AdminClient({"bootstrap.servers": self.servers}, logger=quiet_logger())

    def start(self) -> None:
        kafka_broker.up(self.folder, self._cache, os.environ, lambda _line: None)

    def down(self) -> None:
        kafka_broker.down(self.folder)

    def kill(self) -> None:
        """Kill -9 it; what it had confirmed stays."""
        os.kill(kafka_broker.status(self.folder)["broker"]["pid"], 9)
        wait_until(lambda: not kafka_broker.status(self.folder)["running"], "the broker's end")

    def topic(self, name: str, partitions: int, **settings: str) -> str:
        """Make a topic; returns its address."""
        [made] = self.admin.create_topics([NewTopic(name, partitions, 1, config=settings)]).values()
        made.result()
        return f"kafka://{self.servers}/{name}"

    def grow(self, name: str, partitions: int) -> None:
        [made] = self.admin.create_partitions([NewPartitions(name, partitions)]).values()
        made.result()

    def delete_before(self, name: str, ends: Mapping[int, int]) -> None:
        """Do what retention does."""
        places = [TopicPartition(name, number, offset) for number, offset in ends.items()]
        for done in self.admin.delete_records(places).values():
            done.result()

    def end(self, name: str, number: int) -> int:
        """Return the offset after a partition's last message."""
        asked = self.admin.list_offsets({TopicPartition(name, number): OffsetSpec.latest()})
        [found] = asked.values()
        offset: int = found.result().offset
        return offset

    def setting(self, name: str, setting: str) -> str:
        """Return a topic's own setting."""
        [asked] = self.admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]).values()
        value: str = asked.result()[setting].value
        return value

    def put(self, name: str, lines: Sequence[bytes], partition: int | None = None, **properties: str) -> None:
        """Put messages onto one partition, or in turn onto all."""
        producer = Producer({"bootstrap.servers": self.servers, "linger.ms": 5, **properties})
        partitions = len(self.admin.list_topics(name, 10).topics[name].partitions)
        for at, line in enumerate(lines):
            number = at % partitions if partition is None else partition
            producer.produce(name, line, partition=number, on_delivery=_delivered)
            if at % 1000 == 0:
                producer.poll(0)
        assert producer.flush(30) == 0


def _delivered(error: object, _message: object) -> None:
    assert error is None, error


@contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    """Run a broker, if its jars were fetched before; its marks of what was started last stay out of the cache."""
    try:
        find_java(os.environ, kafka_broker.OLDEST_JAVA)
    except InterestreamError as error:
        pytest.skip(f"a Kafka broker needs Java: {error}")
    jars = cache_home(os.environ) / "jars"
    if not is_whole(jars / f"kafka-{kafka_broker.KAFKA_VERSION}"):
        pytest.skip(
            "Kafka's jars are not in the cache; fetch them once: interestream kafka up, then kafka down"
        )
    (folder / "cache").mkdir(parents=True)
    (folder / "cache" / "jars").symlink_to(jars)
    started = Broker(folder / "kafka", folder / "cache")
    try:
        yield started
    finally:
        started.down()
