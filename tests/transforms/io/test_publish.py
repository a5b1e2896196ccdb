"""Files onto a real Redis stream, and the pace at which they go."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redis
import zstandard

from runners.embedded_redis import open_redis
from schemas.errors import SourceError, StoreError, UsageError
from schemas.events import EVENT_SCHEMA
from transforms.io.event_lines import event_lines
from transforms.io.folder import event_files
from transforms.io.pace import at_rate, at_speed
from transforms.io.publish import Clock, publish
from transforms.io.stream_url import split_stream_url

LINES = [
    b'{"event_id":"e%d","event_time":%d,"x":"\xe5\x95\x86"}' % (number, number * 1000)
    for number in range(2500)
]


class FakeClock:
    """Time passes only by sleeping."""

    def __init__(self) -> None:
        self.time_s = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time_s += seconds

    def as_clock(self) -> Clock:
        return Clock(lambda: self.time_s, self.sleep)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    with open_redis(None, tmp_path_factory.mktemp("data")) as store:
        yield store.client


@pytest.fixture
def client(server: redis.Redis) -> redis.Redis:
    server.flushdb()
    return server


def entries(client: redis.Redis) -> list[dict[bytes, bytes]]:
    return [fields for _, fields in client.xrange("s")]


def test_every_line_becomes_an_entry_as_it_is_and_in_order(client: redis.Redis) -> None:
    told: list[int] = []
    assert publish(client, "s", LINES, FakeClock().as_clock(), on_progress=told.append) == len(LINES)
    assert entries(client) == [{b"event": line} for line in LINES]
    assert told == [1000, 2000, 2500]


def test_nothing_is_sent_before_it_is_due(client: redis.Redis) -> None:
    clock = FakeClock()
    sent_at: list[tuple[int, float]] = []

    def lines() -> Iterator[bytes]:
        for number, line in enumerate(LINES[:40]):
            yield line
            sent_at.append((number, clock.time_s))

    publish(client, "s", lines(), clock.as_clock(), pace=at_rate(10))
    assert all(when >= 100.0 + number / 10 - 1e-9 for number, when in sent_at)
    assert clock.time_s == pytest.approx(100.0 + 39 / 10)
    assert len(entries(client)) == 40


def test_what_was_due_is_on_the_stream_before_the_publisher_waits(client: redis.Redis) -> None:
    clock = FakeClock()
    seen: list[int] = []

    def sleep(seconds: float) -> None:
        seen.append(client.xlen("s"))
        clock.sleep(seconds)

    publish(client, "s", LINES[:5], Clock(lambda: clock.time_s, sleep), pace=at_speed(2))
    assert seen == [1, 2, 3, 4]
    assert clock.slept == pytest.approx([0.5] * 4)


def test_events_without_a_readable_time_wait_for_nothing(client: redis.Redis) -> None:
    clock = FakeClock()
    odd = [b"not json", b'{"event_time": null}', b'{"event_time": "yesterday"}', b"[]", *LINES[:1]]
    publish(client, "s", odd, clock.as_clock(), pace=at_speed(1))
    assert clock.slept == []
    assert len(entries(client)) == 5


def test_a_redis_that_goes_away_is_named_with_how_far_it_came(client: redis.Redis) -> None:
    client.set("s", "no stream")
    with pytest.raises(StoreError, match="s took 0 events"):
        publish(client, "s", LINES[:1], FakeClock().as_clock())


def test_json_lines_pass_as_they_are_from_each_compression(tmp_path: Path) -> None:
    content = b'{"a": 1}\r\n\n  \nnot json\n{"b":2}'
    (tmp_path / "a.jsonl").write_bytes(content)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(content))
    (tmp_path / "c.jsonl.zst").write_bytes(zstandard.compress(content))
    for file in event_files([tmp_path]):
        assert list(event_lines(file)) == [b'{"a": 1}', b"not json", b'{"b":2}']


def test_rows_become_the_same_canonical_json_from_parquet_and_both_kinds_of_ipc(tmp_path: Path) -> None:
    rows = [
        {
            "event_id": "e1",
            "event_type": "view",
            "event_time": 1_291_161_600_123,
            "user_id": "用户",
            "holdout": False,
        },
        {
            "event_id": "e2",
            "event_type": "order",
            "event_time": 5,
            "amount_minor": 2**60,
            "schema_version": 1,
        },
    ]
    columns = {
        name: pa.array([row.get(name) for row in rows]) for name in {key for row in rows for key in row}
    }
    arrays = [
        columns[f.name].cast(f.type) if f.name in columns else pa.nulls(2, f.type) for f in EVENT_SCHEMA
    ]
    table = pa.Table.from_arrays(arrays, schema=EVENT_SCHEMA)
    pq.write_table(table, tmp_path / "a.parquet")
    with pa.ipc.new_file(tmp_path / "b.arrow", EVENT_SCHEMA) as file:
        file.write_table(table)
    with pa.ipc.new_stream(tmp_path / "c.ipc", EVENT_SCHEMA) as stream:
        stream.write_table(table)
    for path in event_files([tmp_path]):
        lines = list(event_lines(path))
        assert [json.loads(line) for line in lines] == rows
        assert list(json.loads(lines[1])) == [
            "event_id",
            "event_type",
            "event_time",
            "schema_version",
            "amount_minor",
        ]
        assert b" " not in lines[0]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.parquet", b"PAR1 and then nothing"),
        ("a.arrow", b"neither file nor stream"),
        ("a.jsonl.gz", gzip.compress(b'{"a":1}\n' * 1000, mtime=0)[:-10]),
        ("a.jsonl.zst", b"not zstandard"),
    ],
)
def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=name):
        list(event_lines(tmp_path / name))


@pytest.mark.parametrize(
    "url", ["redis://h/0", "http://h?stream=s", "events.jsonl", "redis://h?stream=a&stream=b"]
)
def test_an_address_that_is_no_stream_is_bad_usage(url: str) -> None:
    with pytest.raises(UsageError, match="stream=KEY"):
        split_stream_url(url)
