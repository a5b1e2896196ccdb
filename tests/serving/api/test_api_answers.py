"""What the endpoints answer, over figures written by hand."""

import json
import logging
import re
from pathlib import Path

import httpx
import msgspec
import pyarrow as pa
import pytest
from published import Writer
from serving_by_hand import AS_OF_MS, asking, served

from runners.embedded_redis import OpenRedis
from schemas.keys import BEGIN, END, Version, pack_version, snapshot_key
from serving.client import Client, ProblemError


def test_every_answer_says_what_it_is_true_as_of(api: httpx.Client) -> None:
    for path in (
        "/v1/metrics/room/r1",
        "/v1/leaderboards/room",
        "/v1/attribution",
        "/v1/recommendations/u1",
        "/readyz",
    ):
        told = api.get(path).json()
        assert told["as_of"] == "2026-05-28T20:26:40.000Z"
        assert told["age_ms"] >= 0
        assert (told["currency"], told["job_status"], told["whole"]) == ("CNY", "running", True)


def test_what_is_older_than_it_may_be_says_so(published_store: OpenRedis) -> None:
    with (
        served(published_store, max_staleness_ms=1000, ready_staleness_ms=5000) as (service, url),
        asking(url) as api,
    ):
        service.now_ms = lambda: AS_OF_MS + 1000
        fresh = api.get("/v1/metrics/room/r1").json()
        assert (fresh["age_ms"], fresh["stale"]) == (1000, False)
        service.now_ms = lambda: AS_OF_MS + 1001
        assert api.get("/v1/metrics/room/r1").json()["stale"] is True
        assert api.get("/readyz").status_code == 200
        service.now_ms = lambda: AS_OF_MS + 5001
        assert api.get("/readyz").status_code == 503
        assert "5001 ms old" in api.get("/readyz").json()["detail"]


def test_nothing_published_is_alive_and_not_ready(store: OpenRedis) -> None:
    store.client.flushdb()
    with served(store) as (_, url), asking(url) as api:
        assert api.get("/healthz").status_code == 200
        assert api.get("/readyz").status_code == 503
        assert api.get("/v1/metrics/room/r1").json()["rows"] == []
        assert api.get("/v1/leaderboards/room?window=day").json()["window_start"] is None
        assert api.get("/v1/recommendations/u1").json()["fallback"] is True


def test_figures_under_way_are_told_not_to_be_of_one_moment(published_store: OpenRedis) -> None:
    marks = {BEGIN: pack_version(Version(1, 2, 3)), END: pack_version(Version(1, 2, 2))}
    published_store.client.hset(snapshot_key("is"), mapping=marks)
    with served(published_store) as (_, url), asking(url) as api:
        assert api.get("/v1/metrics/room/r1").json()["whole"] is False


def test_windows_are_the_newest_in_order_and_say_what_was_left_out(api: httpx.Client) -> None:
    two = api.get("/v1/metrics/room/r1?window=minute&limit=2").json()
    assert ([row["clicks"] for row in two["rows"]], two["truncated"]) == ([2, 1], True)
    five = api.get("/v1/metrics/room/r1?window=minute&limit=5").json()
    assert ([row["clicks"] for row in five["rows"]], five["truncated"]) == ([5, 4, 3, 2, 1], False)
    first, last = five["rows"][1]["window_start"], five["rows"][3]["window_start"]
    some = api.get("/v1/metrics/room/r1", params={"window": "minute", "from": first, "to": last}).json()
    assert [row["clicks"] for row in some["rows"]] == [4, 3]


def test_the_three_forms_say_the_same(api: httpx.Client) -> None:
    def asked(accept: str) -> httpx.Response:
        response = api.get("/v1/metrics/room/r1?window=minute", headers={"Accept": accept})
        assert response.headers["content-type"] == accept
        assert response.headers["vary"] == "Accept"
        return response

    told = asked("application/json").json()
    packed = msgspec.msgpack.decode(asked("application/msgpack").content)
    table = pa.ipc.open_stream(asked("application/vnd.apache.arrow.stream").content).read_all()
    assert packed["rows"] == told["rows"]
    rows = table.drop_columns("window_start").to_pylist()
    assert rows == [
        {name: value for name, value in row.items() if name != "window_start"} for row in told["rows"]
    ]
    assert str(table.schema.field("window_start").type) == "timestamp[ms, tz=UTC]"
    assert json.loads(table.schema.metadata[b"interestream"])["scope"] == "room"
    assert api.get("/v1/metrics/room/r1", headers={"Accept": "text/html"}).status_code == 406
    arrow = {"Accept": "application/vnd.apache.arrow.stream"}
    assert api.get("/v1/explain/room/r1", headers=arrow).status_code == 406


def test_attribution_of_all_and_of_one(api: httpx.Client) -> None:
    table = api.get("/v1/attribution?model=linear").json()["rows"]
    assert [(row["channel"], row["credit_minor"], row["cost_minor"]) for row in table] == [
        ("coupon", 900, 300), ("traffic_source", 100, None),
    ]  # fmt: skip
    assert (table[0]["roi"], table[0]["touches"], table[0]["indirect_credit_minor"]) == (3.0, 7, 500)
    one = api.get("/v1/attribution/coupon/c1").json()
    assert {row["model"] for row in one["rows"]} == {"last_touch", "linear"} | {
        row["model"] for row in one["rows"] if row["credit_minor"] == 0
    }
    assert one["coupon"]["creator_id"] == "u9"
    assert one["incrementality"]["incremental_gmv_minor"] == 135
    none = api.get("/v1/attribution?attribution_window=click_1d").json()
    assert [row["credit_minor"] for row in none["rows"]] == [0]


@pytest.mark.parametrize(
    ("path", "status", "hint"),
    [
        ("/v1/metrics/planet/x", 404, "room"),
        ("/v1/metrics/room/r1?window=week", 400, "minute, hour"),
        ("/v1/metrics/room/r1?windo=day", 400, "openapi"),
        ("/v1/metrics/room/r1?window=day&window=day", 400, "openapi"),
        ("/v1/metrics/room/r1?window=day&from=yesterday", 400, "openapi"),
        ("/v1/metrics/room/r1?from=2026-01-01", 409, "window=day"),
        ("/v1/leaderboards/room?metric=profit", 400, "gmv_paid_minor"),
        ("/v1/leaderboards/room?k=many", 400, "openapi"),
        ("/v1/features/user/u1", 404, "feature views"),
        ("/v1/programmes/base", 404, "No programme"),
        ("/v1/programmes/base/b1", 404, "No programme"),
        ("/v2", 404, "openapi"),
    ],
)
def test_problems_have_a_status_and_a_hint(api: httpx.Client, path: str, status: int, hint: str) -> None:
    response = api.get(path)
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    assert (response.status_code, told["status"]) == (status, status), told
    assert hint in told["hint"]


def test_browsers_are_kept_in_check(api: httpx.Client, published_store: OpenRedis) -> None:
    answer = api.get("/v1/metrics/room/r1", headers={"Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    rebound = api.get("/v1/metrics/room/r1", headers={"Host": "evil.example"})
    assert rebound.status_code == 400
    assert "nosniff" in rebound.headers["x-content-type-options"]
    site = "https://wall.example"
    with served(published_store, origins=(site,)) as (_, url), asking(url, Origin=site) as client:
        assert client.get("/v1/metrics/room/r1").headers["access-control-allow-origin"] == site


def test_bodies_and_rates_are_bounded(published_store: OpenRedis) -> None:
    with served(published_store, requests_a_second=5) as (_, url), asking(url) as api:
        large = api.post("/v1/features/batch-get", json={"entity": "user", "ids": ["x" * 900] * 1300})
        assert large.status_code == 413
        text = api.post("/v1/features/batch-get", content="{}", headers={"Content-Type": "text/plain"})
        assert text.status_code == 415
        statuses = [api.get("/healthz").status_code for _ in range(20)]
        assert statuses[:6] == [200] * 6
        assert 429 in statuses
        assert int(api.get("/healthz").headers["retry-after"]) >= 1


def test_secrets_are_in_no_log(
    published_store: OpenRedis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from keys_by_hand import KEYS, keys_file

    with (
        caplog.at_level(logging.DEBUG),
        served(published_store, keys_file=keys_file(tmp_path)) as (_, url),
        asking(url, **{"X-API-Key": KEYS["all"]}) as api,
    ):
        api.get("/v1/recommendations/somebody-known")
        api.get("/v1/metrics/planet/x")
    ours = [
        record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))
    ]
    assert not [line for line in ours if KEYS["all"] in line or "somebody-known" in line]


def test_the_client_gives_typed_answers_and_problems(api: httpx.Client) -> None:
    with Client(str(api.base_url)) as client:
        row = client.metrics("room", "r1").rows[0]
        assert row.gmv_paid_minor == 500
        assert client.leaderboard("room", metric="clicks", k=1).rows[0].id == "r1"
        assert client.attribution(model="linear").rows[0].credit_minor == 900
        assert client.attribution_of("coupon", "c1", model="last_touch").coupon.spent == 40
        assert client.metrics("item", "i/2").id == "i/2"
        assert client.recommendations("nobody").fallback
        assert client.explain("room", "r1").figures["gmv_paid_minor"] == 500
        with pytest.raises(ProblemError, match="no programme") as caught:
            client.programme("base")
        assert caught.value.problem.status == 404


def test_meters_tell_of_requests_and_of_the_pipeline(api: httpx.Client, published_store: OpenRedis) -> None:
    Writer(published_store.client).client.hset("is:incidents", "writes_refused", 3)
    api.get("/v1/metrics/room/r1")
    api.get("/v1/metrics/planet/r1")
    text = api.get("/metrics").text
    assert 'interestream_requests_total{endpoint="metrics",status="200"} 1.0' in text
    assert 'interestream_requests_total{endpoint="metrics",status="404"} 1.0' in text
    [watermark] = re.findall(r"^interestream_watermark_timestamp_seconds (.+)$", text, re.MULTILINE)
    assert float(watermark) == AS_OF_MS / 1000
    assert 'interestream_incidents{kind="writes_refused"} 3.0' in text
    assert "interestream_redis_up 1.0" in text
