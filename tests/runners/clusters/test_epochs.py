"""On a cluster a publisher that comes later replaces what an earlier one wrote, however far that one had come."""

from pathlib import Path

from runners.embedded_redis import open_redis
from schemas.keys import Version, pack, unpack
from transforms.io.redis_publisher import RedisPublishers


def test_a_rebuilt_shards_values_replace_those_of_a_lost_stretch(tmp_path: Path) -> None:
    with open_redis(None, tmp_path) as store:
        opened = RedisPublishers(store.url, "is")
        lost, rebuilt = opened(), opened()
        for publisher, as_of_ms, value in ((lost, 9_000, 11), (rebuilt, 5_000, 12), (lost, 9_999, 13)):
            version = Version(publisher.epoch(), as_of_ms, value)
            publisher.set_newer("is:{m}", ["c"], [pack(version, [value])])
            publisher.flush()
        held = store.client.hget("is:{m}", "c")
        assert unpack(held)[1] == [12]  # type: ignore[arg-type]


def test_epochs_go_on_above_those_of_earlier_jobs(tmp_path: Path) -> None:
    with open_redis(None, tmp_path) as store:
        first, second = (RedisPublishers(store.url, "is")() for _ in range(2))
        assert first.epoch() == first.epoch() < second.epoch()
