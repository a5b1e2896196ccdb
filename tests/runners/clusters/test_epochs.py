"""On a cluster a publisher that was made later replaces what an earlier one wrote, however far that one had come."""

from pathlib import Path
from typing import Any

from runners.embedded_redis import open_redis
from runners.job_store import JobStore
from schemas.keys import Version, pack, unpack
from transforms.io.redis_publisher import RedisPublisher, RedisPublishers

MOMENT_S = 1_800_000_000.0


def made(url: str, at_s: float) -> RedisPublisher:
    return RedisPublisher(RedisPublishers(url, "is"), lambda: at_s)


def written(publisher: RedisPublisher, as_of_ms: int, value: int) -> None:
    version = Version(publisher.epoch(), as_of_ms, value)
    publisher.set_newer("is:{m}", ["c"], [pack(version, [value])])
    publisher.flush()


def held(store: Any) -> list[int]:
    body: list[int] = unpack(store.client.hget("is:{m}", "c"))[1]
    return body


def test_a_rebuilt_shards_values_replace_those_of_a_lost_stretch(tmp_path: Path) -> None:
    with open_redis(None, tmp_path) as store:
        lost, rebuilt = (made(store.url, MOMENT_S + later) for later in (0, 1))
        written(lost, 9_000, 11)
        written(rebuilt, 5_000, 12)
        written(lost, 9_999, 13)
        assert held(store) == [12]
        assert (lost.refused(), rebuilt.refused()) == (1, 0)


def test_one_that_hung_until_it_was_replaced_is_refused_even_if_it_had_written_nothing_yet(
    tmp_path: Path,
) -> None:
    with open_redis(None, tmp_path) as store:
        hung, replacing = (made(store.url, MOMENT_S + later) for later in (0, 10))
        written(replacing, 5_000, 12)
        written(hung, 9_000, 11)
        assert held(store) == [12]
        assert store.client.hget("is:incidents", "writes_refused") == b"1"


def test_a_clock_that_went_back_does_not_let_an_earlier_attempt_win(tmp_path: Path) -> None:
    with open_redis(None, tmp_path) as store:
        before, after = (made(store.url, MOMENT_S + later) for later in (0, -60))
        written(before, 9_000, 11)
        after.follow(before.epoch())
        written(after, 5_000, 12)
        assert held(store) == [12]


def test_attempts_of_later_jobs_are_above_those_of_earlier_ones(tmp_path: Path) -> None:
    with open_redis(None, tmp_path) as store:
        publisher, jobs = made(store.url, MOMENT_S), JobStore(store.client, "is")
        first = jobs.next_epoch()
        assert first < publisher.epoch() < jobs.next_epoch()
