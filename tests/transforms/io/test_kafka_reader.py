"""The reader over a topic in memory: once and in order, through restarts, gaps, and partitions of all tempers."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory_topic import LIVE, NAME, Clock, InMemoryLog, Open, Reading, Topic, ids, passed

from transforms.io.blocks import Place
from transforms.io.kafka_partitions import PATIENCE_S, Messages, Partition
from transforms.io.kafka_stream import HELD_BYTES, LOOK_EVERY_S, KafkaReader
from transforms.io.stream_entries import Entries


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(0, 4), st.integers(1, 5)),
            st.tuples(st.just("read"), st.integers(0, 2), st.integers(1, 6)),
            st.tuples(st.just("grow"), st.integers(3, 5), st.just(0)),
            st.tuples(st.just("restart"), st.integers(0, 2), st.just(0)),
        ),
        max_size=40,
    ),
    readers=st.integers(1, 3),
    rows=st.integers(1, 7),
)
def test_every_event_once_and_in_order_by_one_reader_through_restarts(
    steps: list[tuple[str, int, int]], readers: int, rows: int
) -> None:
    topic, clock, put, got = Topic(), Clock(), [], []
    topic.grow(3)

    def begin(reader: int, places: dict[str, Place]) -> Reading:
        made = KafkaReader(
            LIVE, dict(places), rows, reader=reader, readers=readers,
            open_log=lambda _: InMemoryLog(topic, 4), clock=clock,
        )  # fmt: skip
        return Reading(made, dict(places))

    readings = [begin(reader, {}) for reader in range(readers)]
    for step, first, count in steps:
        clock.now_s += 1
        if step == "put" and first in topic.messages:
            put += [topic.event(first, 1000 * len(put)) for _ in range(count)]
        elif step == "grow":
            topic.grow(first)
        elif step == "restart":
            # What was handed on counts as checkpointed; what waited in the reader is lost with it.
            readings[first % readers] = begin(first % readers, readings[first % readers].places)
        elif step == "read":
            for _ in range(count):
                block = readings[first % readers].block()
                got += ids([block]) if block else []
    for _ in range(2):
        clock.now_s += LOOK_EVERY_S
        for reading in readings:
            got += ids(reading.rest(5))
    assert sorted(got) == sorted(put)
    for number in topic.messages:
        own = [int(name.split("-")[1]) for name in got if name.startswith(f"{number}-")]
        assert own == sorted(own)


@pytest.mark.parametrize("most", [1000, 4])
def test_the_partition_furthest_behind_is_read_next(most: int, topic: Topic, opened: Open) -> None:
    """Also where others' messages are there first."""
    for number, step in ((0, 1000), (1, 10_000), (2, 3000)):
        for at in range(30):
            topic.event(number, at * step)
    times = [
        max(t.value for t in block.decoded.events["event_time"])
        for block in opened(rows=5, most=most).rest(60)
        if block.decoded.events.num_rows
    ]
    # Time goes back only by what one block of the sparsest partition spans.
    assert all(later >= earlier - 5 * 10_000 for earlier, later in pairwise(times))
    assert max(times) == 290_000


def test_what_came_while_a_broker_was_away_is_not_overtaken(topic: Topic, clock: Clock, opened: Open) -> None:
    reading = opened(most=1, rows=1)
    for number in range(3):
        topic.event(number, 1000 * (number + 1))
    reading.rest(10)
    topic.away = True
    for number, time_ms in ((0, 2000), (1, 9000), (2, 9000)):
        topic.event(number, time_ms)
    passed(clock, 30, reading)
    topic.away = False
    for _ in range(30):
        reading.block()
        assert reading.watermark_ms <= reading.places[NAME(0)].highest_ms
    assert reading.watermark_ms == 2000


def test_a_partition_without_its_broker_stops_nobody_and_others_do_not_fill_memory(
    topic: Topic, clock: Clock
) -> None:
    topic.event(0, 1)
    padding = b" " * 100_000
    for at in range(250):
        told = {"event_id": f"n{at}", "event_type": "follow", "event_time": at, "user_id": "u"}
        topic.put(1, json.dumps(told).encode() + padding)
    log = InMemoryLog(topic, 10)
    log.stuck = {0}
    reading = Reading(KafkaReader(LIVE, {}, 1000, open_log=lambda _: log, clock=clock))
    assert ids(reading.rest(30)) == []
    assert log.held == {1}
    assert log.at[1] * len(padding) < HELD_BYTES / 3 + 11 * len(padding)
    clock.now_s += PATIENCE_S
    assert ids(reading.rest(30)) == [f"n{at}" for at in range(250)]
    assert log.held == set()


def test_messages_that_come_again_are_left_out() -> None:
    partition = Partition(0, 5)
    partition.fed(Messages([4, 5, 6, 8], [b"a", b"b", b"c", b"d"]), 0.0)
    partition.fed(Messages([6, 8, 9], [b"c", b"d", b"e"]), 0.0)
    assert partition.taken(10, 100) == Entries([6, 8, 9], [b"c", b"d", b"e"])
    assert (partition.offset, partition.waiting_bytes) == (9, 0)


@pytest.mark.parametrize(
    ("rows", "size", "count"), [(2, 100, 2), (9, 1, 1), (9, 4, 2), (9, 5, 3), (9, 100, 3)]
)
def test_a_block_is_bounded_by_rows_and_bytes_and_has_at_least_one(rows: int, size: int, count: int) -> None:
    partition = Partition(0, 0)
    partition.fed(Messages([1, 2, 3], [b"ab", b"cd", b"ef"]), 0.0)
    assert len(partition.taken(rows, size).payloads) == count
    assert (partition.offset, partition.waiting_bytes) == (count, 6 - 2 * count)


def test_a_new_partition_is_found_and_read_from_its_start(topic: Topic, clock: Clock, opened: Open) -> None:
    reading = opened(replace(LIVE, latest=True))
    topic.event(0, 1)
    assert ids(reading.rest()) == []
    topic.event(0, 2)
    assert ids(reading.rest()) == ["0-1"]
    topic.grow(4)
    late = topic.event(3, 3)
    assert passed(clock, LOOK_EVERY_S + 1, reading) == [late]


def test_latest_is_settled_by_the_first_start(topic: Topic, opened: Open) -> None:
    topic.event(1, 1)
    first = opened(replace(LIVE, latest=True))
    assert ids(first.rest()) == []
    later = topic.event(1, 2)
    assert ids(opened(replace(LIVE, latest=True), first.places).rest()) == [later]


def test_latest_is_settled_for_all_partitions_or_none(topic: Topic, opened: Open) -> None:
    """A kill after the first partition was put down must not make the others begin at their oldest event."""
    topic.event(0, 1)
    topic.event(1, 1)
    first = opened(replace(LIVE, latest=True))
    first.block()
    assert len(first.places) == 1
    assert ids(opened(replace(LIVE, latest=True), first.places).rest()) == []


def test_everything_a_message_may_hold(topic: Topic, opened: Open) -> None:
    import pyarrow as pa

    from transforms.io.line_files import no_events

    name = topic.event(0, 1)
    topic.put(0, b"no event")
    topic.put(0, b"")
    batch = pa.RecordBatch.from_pylist(
        [{"event_id": "a1", "event_time": 5}, {"event_id": "a2", "event_time": 6}], schema=no_events().schema
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    topic.put(0, sink.getvalue().to_pybytes())
    topic.put(0, b"\xff\xff\xff\xff and then nothing")
    again = topic.event(0, 7)
    reading = opened(rows=1000)
    blocks = reading.rest()
    assert ids(blocks) == [name, "a1", "a2", again]
    assert [row["raw"] for block in blocks for row in block.decoded.refused.to_pylist()] == [
        b"no event", b"", b"\xff\xff\xff\xff and then nothing",
    ]  # fmt: skip
    assert reading.places[NAME(0)].offset == "6"
    assert all(block.ingested_at_ms is None for block in blocks)
