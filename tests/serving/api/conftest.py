"""One Redis with figures, and an open server over it, for all tests of the API."""

from collections.abc import Iterator

import httpx
import pytest
from published import Writer
from serving_by_hand import asking, publish, served

from runners.embedded_redis import OpenRedis, open_redis


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenRedis]:
    with open_redis(None, tmp_path_factory.mktemp("api")) as opened:
        yield opened


@pytest.fixture
def published_store(store: OpenRedis) -> OpenRedis:
    store.client.flushdb()
    publish(Writer(store.client))
    return store


@pytest.fixture
def api(published_store: OpenRedis) -> Iterator[httpx.Client]:
    with served(published_store) as (_, url), asking(url) as client:
        yield client
