"""A real server for the tests of the reading side."""

from collections.abc import Iterator

import pytest
import redis
from published import Writer

from runners.embedded_redis import open_redis
from serving.reader import Reader


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    with open_redis(None, tmp_path_factory.mktemp("data")) as store:
        yield store.client


@pytest.fixture
def client(server: redis.Redis) -> redis.Redis:
    server.flushdb()
    return server


@pytest.fixture
def writer(client: redis.Redis) -> Writer:
    return Writer(client)


@pytest.fixture
def reader(client: redis.Redis) -> Reader:
    return Reader(client)
