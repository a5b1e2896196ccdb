"""A real server for the tests of the reading side, and the HTTP API over one."""

from collections.abc import Iterator

import httpx
import pytest
import redis
from published import Writer
from serving_by_hand import asking, publish, served

from runners.embedded_redis import OpenRedis, open_redis
from serving.reader import Reader


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenRedis]:
    with open_redis(None, tmp_path_factory.mktemp("data")) as store:
        yield store


@pytest.fixture
def client(store: OpenRedis) -> redis.Redis:
    assert isinstance(store.client, redis.Redis)
    store.client.flushdb()
    return store.client


@pytest.fixture
def writer(client: redis.Redis) -> Writer:
    return Writer(client)


@pytest.fixture
def reader(client: redis.Redis) -> Reader:
    return Reader(client)


@pytest.fixture
def published_store(store: OpenRedis) -> OpenRedis:
    store.client.flushdb()
    publish(Writer(store.client))
    return store


@pytest.fixture
def api(published_store: OpenRedis) -> Iterator[httpx.Client]:
    with served(published_store) as (_, url), asking(url) as client:
        yield client
