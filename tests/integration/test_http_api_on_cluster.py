"""The API over a Redis Cluster answers what it answers over one server, and its stream goes on, too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from redis_cluster import Cluster
from running import replayed

from runners.api import open_service, serving_beside
from runners.embedded_redis import OpenRedis, open_redis
from serving.client import Client
from serving.http.config import ServeConfig
from transforms.io.simulation import Scenario, simulate

ASKED = (
    "/v1/metrics/platform/all", "/v1/metrics/room/sim-r000?window=minute&limit=7",
    "/v1/metrics/platform/all?window=hour&from=2026-06-18", "/v1/leaderboards/room?k=3",
    "/v1/leaderboards/item?window=hour&metric=clicks", "/v1/leaderboards/item?window=minute&metric=views&k=200",
    "/v1/attribution?model=linear", "/v1/attribution?window=day&by=creator",
    "/v1/attribution/traffic_source/recommend", "/v1/recommendations/sim-u101",
)  # fmt: skip
VARYING = ("age_ms", "places_as_of", "model_version")


@pytest.fixture
def served(tmp_path: Path, cluster: Cluster) -> Iterator[tuple[str, str, Any]]:
    simulate(Scenario(rooms=4, users=500, items=100, events=5_000, seed=4), tmp_path / "evening")
    replayed(tmp_path / "one", tmp_path / "evening", recommender=True)
    replayed(tmp_path / "many", tmp_path / "evening", recommender=True, settings={"redis": cluster.url})
    config = ServeConfig(port=0)
    with (
        open_redis(None, tmp_path / "one") as one,
        open_redis(cluster.url, tmp_path) as many,
        serving_beside(open_service(one, config)) as single_url,
        serving_beside(open_service(many, config)) as cluster_url,
    ):
        yield single_url, cluster_url, many


def told(url: str, path: str) -> dict[str, Any]:
    response = httpx.get(url + path, timeout=60)
    assert response.status_code == 200, response.text
    return {name: value for name, value in response.json().items() if name not in VARYING}


def test_a_cluster_answers_as_one_server_does(served: tuple[str, str, OpenRedis]) -> None:
    single, many, opened = served
    for path in ASKED:
        assert told(many, path) == told(single, path), path
    assert httpx.get(f"{many}/metrics", timeout=60).status_code == 200
    with Client(many) as api:
        events = api.stream("platform", "all")
        assert next(events)[2].figures == api.metrics("platform", "all").rows[0]
        assert isinstance(opened.client, redis.RedisCluster)
        told_id = opened.client.xadd(
            "is:{s}:changes", {"changed": b"\x81\xa8platform\x81\xa5total\x92\xff\xff"}
        )
        assert any(at == told_id.decode() for at, _, _ in events)
        assert api.forget("sim-u101").recommender_rows == 2
        assert api.recommendations("sim-u101").fallback
