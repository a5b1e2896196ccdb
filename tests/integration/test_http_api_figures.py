"""A replayed evening over HTTP: every figure is the export's, to the cent, and the stream tells of every publication."""

import json
import random
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from running import COMMAND, exported, replayed

from runners.api import open_service, serving_beside
from runners.embedded_redis import OpenRedis, open_redis
from schemas.changes import FIELD, decode_changes, merged
from schemas.keys import changes_key
from schemas.metrics import BOARD_PLACES, METRICS, SCOPES, UNIQUES
from serving.access import Store
from serving.client import Client
from serving.http.config import ServeConfig
from serving.reader import Reader
from serving.shown import forget_shown, read_shown
from transforms.io.simulation import Scenario, simulate

SAMPLED = 150


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api")
    simulate(Scenario(rooms=5, users=1_500, items=150, events=20_000, seed=3), folder / "evening")
    replayed(folder / "data", folder / "evening", recommender=True)
    exported(folder / "data", folder / "export")
    return folder


@pytest.fixture(scope="module")
def redis(folder: Path) -> Iterator[OpenRedis]:
    with open_redis(None, folder / "data") as opened:
        yield opened


@pytest.fixture(scope="module")
def url(redis: OpenRedis) -> Iterator[str]:
    with serving_beside(open_service(redis, ServeConfig(port=0, requests_a_second=0))) as url:
        yield url


@dataclass(frozen=True)
class OnAir:
    """The evening as of its last view, while items are on sale; refunds come days later."""

    lines: str
    redis: OpenRedis
    url: str


@pytest.fixture(scope="module")
def on_air(folder: Path) -> Iterator[OnAir]:
    lines = f"read_json_auto('{folder}/evening/events/*.jsonl', union_by_name=true)"
    [(last_ms,)] = duckdb.sql(f"SELECT max(event_time) FROM {lines} WHERE event_type = 'view'").fetchall()
    replayed(folder / "on_air", folder / "evening", recommender=True, to_ms=last_ms + 1)
    with open_redis(None, folder / "on_air") as redis:
        service = open_service(redis, ServeConfig(port=0, requests_a_second=0))
        with serving_beside(service) as url:
            yield OnAir(lines, redis, url)


def rows(folder: Path, table: str, where: str = "true") -> list[dict[str, Any]]:
    found = duckdb.sql(f"SELECT * FROM '{folder}/export/{table}.parquet' WHERE {where}").to_arrow_table()
    return found.to_pylist()  # type: ignore[no-any-return]


def moment(value: Any) -> str | None:
    return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%S.") + "000Z"


def test_metrics_are_the_exports(folder: Path, url: str) -> None:
    held = rows(folder, "metrics")
    chosen = random.Random(5).sample(
        sorted({(row["scope"], row["id"], row["window"]) for row in held}), SAMPLED
    )
    with httpx.Client(base_url=url) as api:
        for scope, identifier, window in [
            *chosen,
            ("platform", "all", "minute"),
            ("platform", "all", "total"),
        ]:
            expected = [
                {name: value for name, value in row.items() if name not in ("scope", "id", "window", "window_start")}
                | {"window_start": moment(row["window_start"])}
                for row in held if (row["scope"], row["id"], row["window"]) == (scope, identifier, window)
            ]  # fmt: skip
            answer = api.get(f"/v1/metrics/{scope}/{identifier}", params={"window": window}).json()
            assert (answer["synthetic"], answer["whole"], answer["job_status"]) == (True, True, "clean")
            counted = [row for row in answer["rows"] if any(row[name] for name in (*METRICS, *UNIQUES))]
            assert counted == expected, (scope, identifier, window)


@pytest.mark.parametrize(
    "metric", ["gmv_paid_minor", "net_gmv_minor", "clicks", "refunds_by_order_time_minor"]
)
def test_leaderboards_are_the_exports(folder: Path, url: str, metric: str) -> None:
    with Client(url) as api:
        for scope in set(SCOPES) - {"platform"}:
            board = api.leaderboard(scope, metric=metric, k=BOARD_PLACES)
            expected = rows(
                folder, "leaderboards", f"scope='{scope}' AND metric='{metric}' AND \"window\"='total'"
            )
            assert [(row.rank, row.id, row.value) for row in board.rows] == sorted(
                (row["rank"], row["id"], row["value"]) for row in expected
            )


def test_attribution_is_the_exports(folder: Path, url: str) -> None:
    names = ("channel", "id", "credit_minor", "credited_orders", "touches", "cost_minor", "roi")
    with Client(url) as api:
        for model in ("last_touch", "shapley", "time_decay"):
            expected = rows(folder, "attribution", f"model='{model}' AND \"window\"='total'")
            given = api.attribution(model=model).rows
            assert sorted(tuple(getattr(row, name) for name in names) for row in given) == sorted(
                tuple(row[name] for name in names) for row in expected
            )
        for coupon in rows(folder, "incrementality"):
            one = api.attribution_of("coupon", coupon["coupon_id"], model="last_touch")
            assert one.incrementality is not None
            assert one.incrementality.incremental_gmv_minor == coupon["incremental_gmv_minor"]


def test_recommendations_are_the_readers(on_air: OnAir) -> None:
    reader = Reader(on_air.redis.client)
    with Client(on_air.url) as api:
        for number in range(0, 1500, 50):
            user = f"sim-u{number:03d}"
            answer, expected = api.recommendations(user, k=7), reader.recommend(user, 7)
            assert [(row.item_id, row.score) for row in answer.rows] == [
                (item.item_id, item.score) for item in expected.items
            ]
            assert (answer.fallback, answer.model_version) == (expected.fallback, expected.model_version)
            assert len(answer.rows) == 7


def test_recommendations_in_a_room_are_of_what_was_on_sale_there(on_air: OnAir) -> None:
    reader, lines = Reader(on_air.redis.client), on_air.lines
    on_sale: dict[str, set[str]] = {}
    for room, item in duckdb.sql(f"SELECT DISTINCT room_id, item_id FROM {lines}").fetchall():
        on_sale.setdefault(room, set()).add(item)
    with Client(on_air.url) as api:
        for number in range(0, 1500, 250):
            for room in ("sim-r000", "sim-r001"):
                user = f"sim-u{number:03d}"
                answer = api.recommendations(user, k=5, room_id=room, explain=True)
                expected = reader.recommend(user, 5, room_id=room)
                assert [row.item_id for row in answer.rows] == [item.item_id for item in expected.items]
                assert answer.rows
                assert {row.item_id for row in answer.rows} <= on_sale[room]
                assert answer.room_known
                for row in answer.rows:
                    assert sum((row.said or {}).values()) == pytest.approx(row.score, rel=4e-3, abs=4e-3)
        assert not api.recommendations("sim-u000", room_id="no such room").room_known


def test_rooms_are_recommended_as_the_reader_has_them(on_air: OnAir) -> None:
    reader = Reader(on_air.redis.client)
    with Client(on_air.url) as api:
        for number in range(0, 1500, 250):
            user = f"sim-u{number:03d}"
            expected = reader.recommend_rooms(user, 3)
            assert [row.room_id for row in api.recommended_rooms(user, k=3).rows] == [
                room.item_id for room in expected.items
            ]


def test_what_is_shown_with_exploration_is_logged_and_forgotten_with_the_user(on_air: OnAir) -> None:
    store = Store(on_air.redis.client, "is")
    with Client(on_air.url) as api:
        answer = api.recommendations("sim-u001", k=4, explore=2, seed="a")
        [logged] = [each for each in read_shown(store) if each.user_id == "sim-u001"]
        assert logged.items == [row.item_id for row in answer.rows]
        assert logged.propensities == [row.propensity for row in answer.rows]
        again = api.recommendations("sim-u001", k=4, explore=2, seed="a")
        assert again.rows == answer.rows
    assert forget_shown(store, "sim-u001") == 2
    assert list(read_shown(store)) == []


def test_explanations_leave_nothing_unexplained(url: str) -> None:
    with Client(url) as api:
        chains = api.explain("platform", "all").chains
    assert len(chains) > 3
    assert [chain.unexplained_minor for chain in chains] == [0] * len(chains)


def test_the_stream_of_changes_names_every_window_that_has_figures(folder: Path, redis: OpenRedis) -> None:
    entries: Any = redis.client.xrange(changes_key("is"))
    changed = merged(decode_changes(fields[FIELD.encode()]) for _, fields in entries)
    for row in rows(folder, "metrics"):
        if row["window"] != "total":
            first, last = changed[row["scope"]][row["window"]]
            assert first <= row["window_start"].timestamp() * 1000 <= last
    assert {"attribution", "funnel"} <= changed.keys()


def test_a_watcher_sees_a_replay_come_in(folder: Path, tmp_path: Path) -> None:
    with open_redis(None, tmp_path) as redis:
        service = open_service(redis, ServeConfig(port=0))
        with serving_beside(service) as url, Client(url) as api:
            events = api.stream("platform", "all")
            assert next(events)[2].figures is None
            replayed(tmp_path, folder / "evening")
            total = api.metrics("platform", "all").rows[0]
            assert any(update.figures == total for _, _, update in events)


def test_the_command_serves_until_it_is_interrupted(folder: Path, redis: OpenRedis) -> None:
    command = [*COMMAND, "serve", "--data-dir", str(folder / "data"), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        line = server.stderr.readline()
        address = re.findall(r"http://127\.0\.0\.1:\d+", line)
        try:
            assert httpx.get(f"{address[0]}/readyz", timeout=30).status_code == 200
            assert json.loads(httpx.get(f"{address[0]}/openapi.json", timeout=30).text)["openapi"] == "3.1.0"
            server.send_signal(signal.SIGINT)
            assert server.wait(60) == 0
        finally:
            server.kill()
        assert server.stderr.read().strip() == "Stopped."
