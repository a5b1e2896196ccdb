"""The API answers what its own description says, whatever is asked; schemathesis thinks of what."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from keys_by_hand import KEYS, keys_file
from serving_by_hand import asking, served

from runners.embedded_redis import OpenRedis

ENDLESS = "/v1/stream"
EXAMPLES = settings(
    max_examples=12, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip


@pytest.fixture
def described(published_store: OpenRedis) -> Iterator[Any]:
    with served(published_store) as (_, url):
        yield schemathesis.openapi.from_url(f"{url}/openapi.json").exclude(path=ENDLESS)


@pytest.fixture
def guarded(published_store: OpenRedis, tmp_path: Path) -> Iterator[Any]:
    with served(published_store, keys_file=keys_file(tmp_path)) as (_, url):
        yield schemathesis.openapi.from_url(f"{url}/openapi.json").exclude(path=ENDLESS)


open_api = schemathesis.pytest.from_fixture("described")
guarded_api = schemathesis.pytest.from_fixture("guarded")


@open_api.parametrize()
@EXAMPLES
def test_an_open_server_does_what_it_says(case: Any) -> None:
    case.call_and_validate()


@guarded_api.parametrize()
@EXAMPLES
@pytest.mark.parametrize("key", [KEYS["all"], KEYS["merchant"]])
def test_a_guarded_server_does_what_it_says(case: Any, key: str) -> None:
    case.call_and_validate(headers={"X-API-Key": key})


@guarded_api.parametrize()
@EXAMPLES
def test_without_a_key_nothing_is_told(case: Any) -> None:
    response = case.call()
    assert response.status_code in ({200, 503} if case.path in ("/healthz", "/readyz") else {401}), (
        response.text
    )


def test_the_description_is_openapi_3_1_with_every_route(published_store: OpenRedis) -> None:
    with served(published_store) as (_, url), asking(url) as client:
        document = client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) == 16
