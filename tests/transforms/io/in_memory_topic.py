"""A topic in memory with what brokers do to readers: nobody answering, retention, compaction, new partitions."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from transforms.io.blocks import Block, Place
from transforms.io.kafka_client import Taken
from transforms.io.kafka_partitions import Messages
from transforms.io.kafka_stream import KafkaReader
from transforms.io.kafka_url import parse_kafka_url
from transforms.pieces import BEFORE_ALL_MS

LIVE = parse_kafka_url("kafka://h/t?idle=10s")
NAME = "kafka:///t#{}".format


@dataclass
class Topic:
    """Messages by partition and offset; offsets without a message are markers or were compacted away."""

    messages: dict[int, dict[int, bytes]] = field(default_factory=dict)
    low: dict[int, int] = field(default_factory=dict)
    high: dict[int, int] = field(default_factory=dict)
    away: bool = False

    def grow(self, partitions: int) -> None:
        for number in range(partitions):
            self.messages.setdefault(number, {})
            self.low.setdefault(number, 0)
            self.high.setdefault(number, 0)

    def put(self, number: int, value: bytes) -> None:
        self.messages[number][self.high[number]] = value
        self.high[number] += 1

    def event(self, number: int, time_ms: int) -> str:
        """Put an event; returns its id, which says where it stands."""
        name = f"{number}-{self.high[number]}"
        told = {"event_id": name, "event_type": "follow", "event_time": time_ms, "user_id": "u"}
        self.put(number, json.dumps(told).encode())
        return name

    def delete_before(self, number: int, offset: int) -> None:
        self.low[number] = offset
        self.messages[number] = {at: value for at, value in self.messages[number].items() if at >= offset}


class InMemoryLog:
    """One consumer of it."""

    def __init__(self, topic: Topic, most: int = 1000) -> None:
        self.topic, self.most = topic, most
        self.at: dict[int, int] = {}
        self.held: set[int] = set()
        self.told_end: dict[int, int] = {}
        self.stuck: set[int] = set()

    def partitions(self) -> list[int] | None:
        return None if self.topic.away else sorted(self.topic.messages)

    def bounds(self, number: int) -> tuple[int, int] | None:
        return None if self.topic.away else (self.topic.low[number], self.topic.high[number])

    def start(self, number: int, offset: int) -> None:
        self.at[number] = offset
        self.told_end.pop(number, None)
        self.held.discard(number)

    def stop(self, number: int) -> None:
        self.at.pop(number, None)

    def hold(self, number: int, held: bool) -> None:
        (self.held.add if held else self.held.discard)(number)

    def take(self, most: int, wait_s: float) -> Taken:
        taken, left = Taken(), min(most, self.most)
        if self.topic.away:
            return taken
        for number in [each for each in self.at if each not in self.held | self.stuck]:
            low, high, at = self.topic.low[number], self.topic.high[number], self.at[number]
            if not left:
                break
            if not low <= at <= high:
                taken.lost.add(number)
                continue
            there = [(o, v) for o, v in sorted(self.topic.messages[number].items()) if o >= at][:left]
            if there:
                taken.messages[number] = Messages([o + 1 for o, _ in there], [v for _, v in there])
                self.at[number], left = there[-1][0] + 1, left - len(there)
            elif self.told_end.get(number) != high:
                self.at[number] = self.told_end[number] = taken.ends[number] = high
        return taken

    def close(self) -> None:
        self.at.clear()


@dataclass
class Clock:
    """Time that passes only when told."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Reading:
    """What a session does with a reader: takes blocks, tells it times, and remembers places and the watermark."""

    reader: KafkaReader
    places: dict[str, Place] = field(default_factory=dict)
    watermark_ms: int = BEFORE_ALL_MS

    def block(self) -> Block | None:
        block = self.reader.read()
        if block is not None:
            times = [t.value for t in block.decoded.events["event_time"] if t.is_valid]
            before = self.places.get(block.partition, Place("0", BEFORE_ALL_MS)).highest_ms
            highest_ms = max([before, *times])
            self.places[block.partition] = Place(block.offset, highest_ms, block.ended)
            self.reader.advance(block.partition, highest_ms)
            self.watermark_ms = max(self.watermark_ms, self.reader.least_ms)
        return block

    def rest(self, tries: int = 3) -> list[Block]:
        """Read until nothing more comes."""
        blocks, empty = [], 0
        while empty < tries:
            block = self.block()
            empty = empty + 1 if block is None else 0
            blocks += [block] if block else []
        return blocks


def ids(blocks: list[Block]) -> list[str]:
    return [name for block in blocks for name in block.decoded.events["event_id"].to_pylist()]


Open = Callable[..., Reading]


def passed(clock: Clock, seconds: float, reading: Reading) -> list[str]:
    """Let time pass a second at a time, reading on; returns the events that came."""
    found: list[str] = []
    for _ in range(round(seconds)):
        clock.now_s += 1
        found += ids(reading.rest())
    return found
