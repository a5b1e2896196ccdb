"""A topic in memory, a clock, and readers of the topic."""

import pytest
from in_memory_topic import LIVE, Clock, InMemoryLog, Open, Reading, Topic

from transforms.io.blocks import Place
from transforms.io.kafka_stream import KafkaReader
from transforms.io.kafka_url import KafkaTopic


@pytest.fixture
def topic() -> Topic:
    found = Topic()
    found.grow(3)
    return found


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(topic: Topic, clock: Clock) -> Open:
    def start(
        where: KafkaTopic = LIVE, places: dict[str, Place] | None = None, *, rows: int = 100, most: int = 1000,
        reader: int = 0, readers: int = 1,
    ) -> Reading:  # fmt: skip
        return Reading(
            KafkaReader(
                where, dict(places or {}), rows, reader=reader, readers=readers,
                open_log=lambda _: InMemoryLog(topic, most), clock=clock,
            ),
            dict(places or {}),
        )  # fmt: skip

    return start
