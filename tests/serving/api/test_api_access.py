"""Who may ask for what: keys, tokens, and a merchant's key that sees that merchant only."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from keys_by_hand import KEYS, keys_file
from serving_by_hand import OTHER, OWN, asking, served

from runners.embedded_redis import OpenRedis
from schemas.errors import UsageError
from serving.http.config import ServeConfig
from serving.http.endpoints import ENDPOINTS
from serving.http.principals import read_keys

SECRET = "s" * 40
FILLED = {
    "scope": "room",
    "id": "r1",
    "channel": "coupon",
    "user_id": "u1",
    "entity": "room",
    "programme": "p",
}
BODIES: dict[str, Any] = {
    "features_batch": {"entity": "merchant", "ids": [OTHER]},
    "online_features": {"entities": {"merchant_id": [OTHER]}, "features": ["v:f"]},
}


@pytest.fixture
def guarded(published_store: OpenRedis, tmp_path: Path) -> Iterator[str]:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    with served(published_store, keys_file=keys_file(tmp_path), jwt_key_file=secret) as (_, url):
        yield url


def requests(**filled: str) -> Iterator[tuple[str, str, str]]:
    """Yield the name, method and path of every endpoint, and of the routes beside them."""
    for endpoint in ENDPOINTS:
        yield endpoint.name, endpoint.method, endpoint.path.format(**FILLED | filled)
    yield "stream", "GET", "/v1/stream"
    yield "stream_of_scope", "GET", "/v1/stream?scope=merchant"
    yield "meters", "GET", "/metrics"


def asked(client: httpx.Client, name: str, method: str, path: str) -> httpx.Response:
    body = {"content": json.dumps(BODIES[name])} if name in BODIES else {}
    headers = {"Content-Type": "application/json"} if name in BODIES else {}
    with client.stream(method, path, headers=headers, **body) as response:
        if "event-stream" not in response.headers["content-type"]:
            response.read()
        return response


def test_nothing_is_told_without_a_key_or_with_a_wrong_one(guarded: str) -> None:
    for headers in (
        {},
        {"X-API-Key": "wrong"},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": KEYS["all"]},
    ):
        with asking(guarded, **headers) as client:
            for name, method, path in requests():
                response = asked(client, name, method, path)
                assert response.status_code == 401, (name, response.text)
                assert response.headers["content-type"] == "application/problem+json"
                assert "WWW-Authenticate" in response.headers


def test_health_and_the_description_are_told_to_anybody(guarded: str) -> None:
    with asking(guarded) as client:
        assert [client.get(path).status_code for path in ("/healthz", "/readyz", "/openapi.json")] == [
            200
        ] * 3


def test_a_merchants_key_sees_that_merchant_and_nothing_else(guarded: str) -> None:
    with asking(guarded, **{"X-API-Key": KEYS["merchant"]}) as client:
        own = client.get(f"/v1/metrics/merchant/{OWN}")
        assert own.status_code == 200
        assert own.json()["rows"][0]["gmv_paid_minor"] == 500
        assert client.get(f"/v1/attribution/merchant/{OWN}?model=linear").status_code == 200
        assert asked(client, "stream", "GET", f"/v1/stream?scope=merchant&id={OWN}").status_code == 200
        refused = [
            *requests(), *requests(scope="merchant", channel="merchant", entity="merchant", id=OTHER),
            *requests(id=OWN), ("stream_of_other", "GET", f"/v1/stream?scope=merchant&id={OTHER}"),
        ]  # fmt: skip
        for name, method, path in refused:
            response = asked(client, name, method, path)
            assert response.status_code == 403, (name, path, response.text)
            assert OTHER not in response.text


def test_a_key_of_reading_may_not_forget_or_watch_the_server(guarded: str) -> None:
    with asking(guarded, Authorization=f"Bearer {KEYS['read']}") as client:
        assert client.get("/v1/metrics/room/r1").status_code == 200
        assert client.delete("/v1/users/u1").status_code == 403
        assert client.get("/metrics").status_code == 403


def token(**claims: Any) -> str:
    held = {"sub": "wall", "aud": "interestream", "exp": int(time.time()) + 600, "scope": "read"} | claims
    return jwt.encode({name: value for name, value in held.items() if value is not None}, SECRET, "HS256")


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 200),
        ({"scope": "operate"}, 403),
        ({"scope": None}, 403),
        ({"merchant_id": OWN}, 403),
        ({"merchant_id": 5}, 401),
        ({"exp": 1}, 401),
        ({"exp": None}, 401),
        ({"aud": "others"}, 401),
        ({"aud": None}, 401),
        ({"sub": None}, 401),
    ],
)
def test_tokens_are_held_to_their_claims(guarded: str, claims: dict[str, Any], status: int) -> None:
    with asking(guarded, Authorization=f"Bearer {token(**claims)}") as client:
        assert client.get("/v1/metrics/room/r1").status_code == status


@pytest.mark.parametrize(
    "forged", [jwt.encode({"sub": "x"}, "o" * 40, "HS256"), jwt.encode({"sub": "x"}, None, "none")]
)
def test_tokens_of_others_are_refused(guarded: str, forged: str) -> None:
    with asking(guarded, Authorization=f"Bearer {forged}") as client:
        assert client.get("/v1/metrics/room/r1").status_code == 401


def test_a_server_that_others_reach_needs_keys() -> None:
    with pytest.raises(UsageError, match="--keys"):
        ServeConfig(host="0.0.0.0")
    assert ServeConfig(host="0.0.0.0", without_keys=True).host == "0.0.0.0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("key = 1", "cannot be read"),
        ('[[key]]\nname = "a"\nsha256 = "abc"', "a sha256 that is none"),
        (f'[[key]]\nname = "a"\nsha256 = "{"0" * 64}"\nscopes = ["write"]', "unknown scope 'write'"),
        (f'[[key]]\nname = "a"\nsha256 = "{"0" * 64}"\nsecret = "x"', "cannot be read"),
    ],
)
def test_a_file_of_keys_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_keys(path)
