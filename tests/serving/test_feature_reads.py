"""A batch read of features is one round trip, also after views were changed; only the first read after that takes two."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from runners.embedded_redis import open_redis
from schemas.keys import feature_bucket_key
from serving.features import FeatureState
from serving.reader import Reader

sys.path.insert(0, str(Path(__file__).parents[1] / "transforms" / "features"))

from shop_events import Held, pieces, shard, shop

from transforms.features.aggregations import Count, Sum
from transforms.features.view import FeatureView
from transforms.features.views import SHIPPED

USERS, FEATURES = 100, 50
MORE = FeatureView(
    "user_more", entity="user_id", on=["view", "click", "order.paid"],
    aggregations=[Count(), Count(on="click"), Sum("amount_minor", on="order.paid")],
    windows=["5m", "1h", "6h", "1d", "5d", "7d", "30d"],
)  # fmt: skip


class Counting(redis.UnixDomainSocketConnection):
    """A connection that counts how often something is sent over it."""

    sent = 0

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        Counting.sent += 1
        super().send_packed_command(command, check_health)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Any]:
    with open_redis(None, tmp_path) as store:
        told = store.client.connection_pool.connection_kwargs
        pool = redis.ConnectionPool(connection_class=Counting, path=told["path"])
        yield redis.Redis(connection_pool=pool)


def publish(client: Any, views: Any, generation: int) -> None:
    """Write what a job would have written of a shop's events."""
    store = Held()
    held = shard(views, store)
    state = shard(views, Held()).state() | {"generation": generation}
    held.load(state)
    for piece in pieces(shop(3000, seed=3, users=USERS), [1500]):
        list(held.absorb(piece))
    for key, values in store.values.items():
        client.hset(key, mapping=values)


def trips(client: Any, reader: Reader, views: tuple[str, ...] = ()) -> tuple[int, Any]:
    before = Counting.sent
    found = reader.features("user_id", [[f"u{number}"] for number in range(USERS)], views)
    return Counting.sent - before, found


def test_a_batch_of_many_features_is_one_round_trip(client: Any) -> None:
    publish(client, [*SHIPPED, MORE], 0)
    reader = Reader(client)
    reader.feature_state()  # connected
    sent, found = trips(client, reader)
    assert (sent, len(found), len(found[0].values)) == (1, USERS, FEATURES)
    assert sum(each.age_ms is not None for each in found) > USERS - 5


def test_after_a_change_of_views_one_read_takes_two_and_finds_all_of_the_new_ones(client: Any) -> None:
    publish(client, list(SHIPPED), 0)
    reader = Reader(client)
    reader.feature_state()
    one = trips(client, reader)
    publish(client, [*SHIPPED, MORE], 1)
    switched, again = trips(client, reader), trips(client, reader)
    assert (one[0], switched[0], again[0]) == (1, 2, 1)
    assert switched[1] == again[1]
    assert (len(one[1][0].values), len(again[1][0].values)) == (FEATURES - 21, FEATURES)
    kept = {name: value for name, value in again[1][7].values.items() if name in one[1][7].values}
    assert kept == one[1][7].values
    state: FeatureState = reader.feature_state()
    assert state.catalogue.generation == 1
    assert client.exists(feature_bucket_key("is", "user_id", 118, 1)) == 1
