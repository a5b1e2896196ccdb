"""The reader of a stream on a real server: everything once, in order, and no more blocks than needed."""

from collections.abc import Iterator

import pytest
import redis

from runners.embedded_redis import OpenRedis, open_redis
from transforms.io.redis_stream import RedisStreamReader


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenRedis]:
    with open_redis(None, tmp_path_factory.mktemp("data")) as opened:
        yield opened


class Time:
    """A clock that moves only by sleeping, and lets events arrive meanwhile."""

    def __init__(self, client: redis.Redis, arriving: list[bytes]) -> None:
        self.client, self.arriving, self.now, self.slept = client, arriving, 100.0, list[float]()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        while self.arriving:
            self.client.xadd("events", {"event": self.arriving.pop(0)})


def _events(first: int, last: int) -> list[bytes]:
    return [
        b'{"event_id":"%d","event_type":"follow","event_time":5,"user_id":"u"}' % n
        for n in range(first, last)
    ]


@pytest.fixture
def at(server: OpenRedis) -> Time:
    server.client.flushdb()
    for event in _events(0, 7):
        server.client.xadd("events", {"event": event})
    return Time(server.client, _events(7, 10))


def _reader(server: OpenRedis, at: Time, rows: int) -> RedisStreamReader:
    return RedisStreamReader(f"{server.url}?stream=events", {}, rows, at.clock, at.sleep)


def _read(reader: RedisStreamReader) -> list[list[str]]:
    blocks = iter(reader.read, None)
    return [block.decoded.events["event_id"].to_pylist() for block in blocks]


def test_a_full_block_is_followed_at_once_and_an_emptied_stream_is_given_time(
    server: OpenRedis, at: Time
) -> None:
    """Events that keep trickling in make one block in 20 ms, and not one each."""
    reader = _reader(server, at, rows=5)
    assert _read(reader) == [list("01234"), list("56"), list("789")]
    assert at.slept == pytest.approx([0.02, 0.02])
    reader.close()


def test_what_comes_after_silence_does_not_wait(server: OpenRedis, at: Time) -> None:
    reader = _reader(server, at, rows=50)
    first = reader.read()
    assert first is not None
    assert first.drained
    at.now += 1.0
    server.client.xadd("events", {"event": _events(10, 11)[0]})
    following = reader.read()
    assert following is not None
    assert following.decoded.events["event_id"].to_pylist() == ["10"]
    assert not at.slept
    reader.close()
