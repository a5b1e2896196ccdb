"""The API answers what its own description says, whatever is asked; schemathesis thinks of what."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from keys_by_hand import KEYS, keys_file
from published import Writer
from schemathesis import GenerationMode
from serving_by_hand import OTHER, asking, publish, served

from runners.embedded_redis import OpenRedis
from serving.http.config import ServeConfig
from serving.http.endpoints import ENDPOINTS
from serving.http.openapi import openapi

ENDLESS = "/v1/stream"
OPERATIONS = [
    (path, method)
    for path, methods in openapi(ENDPOINTS, ServeConfig())["paths"].items()
    for method in methods if path != ENDLESS
]  # fmt: skip
OPEN = ("/healthz", "/readyz")


@pytest.fixture(scope="module")
def written(store: OpenRedis) -> OpenRedis:
    store.client.flushdb()
    publish(Writer(store.client))
    return store


@pytest.fixture(scope="module")
def described(written: OpenRedis) -> Iterator[Any]:
    with served(written) as (_, url):
        yield schemathesis.openapi.from_url(f"{url}/openapi.json")


@pytest.fixture(scope="module")
def guarded(written: OpenRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with served(written, keys_file=keys_file(tmp_path_factory.mktemp("keys"))) as (_, url):
        yield schemathesis.openapi.from_url(f"{url}/openapi.json")


def every(schema: Any, path: str, method: str, mode: GenerationMode, check: Any) -> None:
    """Check some requests of one operation: such as are described, or such as are not."""
    cases = schema[path][method].as_strategy(generation_mode=mode)

    @settings(
        max_examples=20, deadline=None, derandomize=True, phases=[Phase.generate], database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=cases)
    def checked(case: Any) -> None:
        check(case)

    checked()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_an_open_server_does_what_it_says(
    described: Any, path: str, method: str, mode: GenerationMode
) -> None:
    if mode == GenerationMode.NEGATIVE and not _has_parameters(path, method):
        return
    every(described, path, method, mode, lambda case: case.call_and_validate())


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_a_guarded_server_does_what_it_says(guarded: Any, path: str, method: str) -> None:
    headers = {"X-API-Key": KEYS["all"]}
    every(
        guarded, path, method, GenerationMode.POSITIVE, lambda case: case.call_and_validate(headers=headers)
    )


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_a_merchant_sees_nothing_of_others_whatever_is_asked(guarded: Any, path: str, method: str) -> None:
    def check(case: Any) -> None:
        response = case.call(headers={"X-API-Key": KEYS["merchant"]})
        assert response.status_code in ({200} if path in OPEN else {400, 403, 404, 415}), response.text
        assert OTHER not in response.text

    every(guarded, path, method, GenerationMode.POSITIVE, check)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_without_a_key_nothing_is_told(guarded: Any, path: str, method: str) -> None:
    def check(case: Any) -> None:
        assert case.call().status_code == (200 if path in OPEN else 401)

    every(guarded, path, method, GenerationMode.POSITIVE, check)


def _has_parameters(path: str, method: str) -> bool:
    operation = openapi(ENDPOINTS, ServeConfig())["paths"][path][method]
    return bool(operation.get("parameters") or operation.get("requestBody"))


def test_the_description_is_openapi_3_1_with_every_route(written: OpenRedis) -> None:
    with served(written) as (_, url), asking(url) as client:
        document = client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) == 17
