"""A merchant's key and a flood: whatever another id is called, whoever pretends to be many, and requests without end."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keys_by_hand import KEYS, keys_file
from serving_by_hand import OTHER, OWN, asking, served

from runners.embedded_redis import OpenRedis
from schemas.metrics import SCOPES
from serving.http.endpoints import ENDPOINTS
from serving.http.protocol import LARGEST_HEAD

IDS = (
    OTHER, "all", f"{OWN}+{OTHER}", f"{OTHER}+{OWN}", f"{OWN}/../{OTHER}", f"{OWN}\x1f{OTHER}", f" {OWN}", OWN.upper(),
    f"{OWN}/", f"{OWN}%00", "*", "m-*", "none", "unknown",
)  # fmt: skip
KINDS = (
    *SCOPES,
    "merchant_id",
    "Merchant",
    "merchant+user",
    "user+merchant",
    "user",
    "coupon",
    "metrics",
    "..",
)
WALL = ("room", "platform", "quality", "model", "health", "broadcasts", "definitions", f"room/{OTHER}")


@pytest.fixture
def merchant(published_store: OpenRedis, tmp_path: Path) -> Iterator[httpx.Client]:
    with (
        served(published_store, keys_file=keys_file(tmp_path)) as (_, url),
        asking(url, **{"X-API-Key": KEYS["merchant"]}) as client,
    ):
        yield client


@st.composite
def asked(draw: st.DrawFn) -> tuple[str, str, Any]:
    """Draw a request for anything but the own merchant: of an endpoint, the stream or the wall."""
    kind, identifier = draw(st.sampled_from(KINDS)), draw(st.sampled_from(IDS))
    name = draw(st.sampled_from([endpoint.name for endpoint in ENDPOINTS] + ["stream", "wall", "meters"]))
    if name == "stream":
        return "GET", f"/v1/stream?scope={quote(kind)}&id={quote(identifier)}", None
    if name == "wall":
        return "GET", f"/v1/wall/{draw(st.sampled_from(WALL))}", None
    if name == "meters":
        return "GET", "/metrics", None
    [endpoint] = [each for each in ENDPOINTS if each.name == name]
    names = dict.fromkeys(("scope", "channel", "entity", "programme"), kind)
    path = endpoint.path.format(**{**names, "id": quote(identifier), "user_id": quote(identifier)})
    ids = draw(st.permutations([identifier, *draw(st.lists(st.just(OWN), max_size=1))]))
    body = {
        "features_batch": {"entity": kind, "ids": ids},
        "online_features": {"entities": {f"{kind}_id": ids}, "features": ["v:f"]},
    }.get(name)
    return endpoint.method, path, body


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(request=asked())
def test_no_name_of_another_opens_what_is_anothers(
    merchant: httpx.Client, request: tuple[str, str, Any]
) -> None:
    method, path, body = request
    with merchant.stream(method, path, json=body) as answer:
        assert answer.status_code in (400, 403, 404, 405), (request, answer.status_code)
        answer.read()
    if answer.status_code == 403:
        assert OTHER not in answer.text


def test_who_makes_up_keys_is_one_client_all_the_same(published_store: OpenRedis, tmp_path: Path) -> None:
    for held in ({}, {"keys_file": keys_file(tmp_path)}):
        with served(published_store, requests_a_second=5, **held) as (_, url), asking(url) as api:
            statuses = [
                api.get("/v1/metrics/room/r1", headers={"X-API-Key": f"made-up-{number}"}).status_code
                for number in range(20)
            ]
            assert 429 in statuses
            if held:
                known = api.get("/v1/metrics/room/r1", headers={"X-API-Key": KEYS["all"]})
                assert known.status_code == 200


@pytest.mark.parametrize("line", [b"X-Long: ", b"GET /"], ids=["a header", "a path"])
def test_headers_without_end_are_cut_off(published_store: OpenRedis, line: bytes) -> None:
    with served(published_store) as (_, url):
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(
                b"" if line.startswith(b"GET") else b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            )
            connection.sendall(line)
            sent = 0
            try:
                while sent < 100 * LARGEST_HEAD:
                    connection.sendall(b"x" * 8192)
                    sent += 8192
                answer = connection.recv(1000)
            except OSError:
                answer = b""
        assert sent < 100 * LARGEST_HEAD
        assert answer == b"" or b"431" in answer
        assert httpx.get(f"{url}/healthz", headers={"X-Long": "x" * (LARGEST_HEAD // 2)}).status_code == 200
