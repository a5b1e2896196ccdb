"""A simulated evening through the pipeline: the figures are those of its truth, and the job knows what it is."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from running import exported, replayed

from runners.embedded_redis import open_redis
from serving.reader import Reader
from transforms.io.simulation import Scenario, simulate


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replay")
    scenario = Scenario(rooms=6, users=2_000, items=200, events=25_000, seed=8, broken=0.02)
    simulate(scenario, folder / "evening")
    replayed(folder / "data", folder / "evening")
    exported(folder / "data")
    return folder


def sql(folder: Path, text: str) -> list[tuple[Any, ...]]:
    paths = {
        "METRICS": "data/export/metrics",
        "LETTERS": "data/export/deadletters",
        "ORDERS": "evening/truth/orders",
    }
    for word, path in paths.items():
        text = text.replace(word, f"'{folder / path}.parquet'")
    return duckdb.sql(text).fetchall()


def test_figures_are_those_of_the_truth(folder: Path) -> None:
    assert sql(folder, """
        SELECT orders_placed, orders_paid, units_paid, gmv_paid_minor, refunds_minor, net_gmv_minor
        FROM METRICS WHERE scope = 'platform' AND "window" = 'total'""") == sql(folder, """
        SELECT count(DISTINCT order_id), count(DISTINCT order_id) FILTER (paid_at IS NOT NULL),
               sum(quantity) FILTER (paid_at IS NOT NULL), sum(amount_minor) FILTER (paid_at IS NOT NULL),
               sum(refund_minor + second_refund_minor), sum(net_minor) FROM ORDERS""")  # fmt: skip


def test_items_earn_what_the_truth_says(folder: Path) -> None:
    of_items = "scope = 'item' AND \"window\" = 'total' AND orders_paid > 0"
    published = sql(folder, f"SELECT id, net_gmv_minor FROM METRICS WHERE {of_items}")
    true = sql(folder, "SELECT item_id, sum(net_minor) FROM ORDERS WHERE paid_at IS NOT NULL GROUP BY 1")
    assert sorted(published) == sorted(true)


def test_damaged_events_are_refused_by_reason_and_nothing_else(folder: Path) -> None:
    reasons = {reason for (reason,) in sql(folder, "SELECT DISTINCT reason FROM LETTERS")}
    assert reasons == {"malformed_json", "missing_user_id", "foreign_currency", "conflicting_duplicate"}


def test_the_job_knows_that_its_events_are_synthetic(folder: Path, tmp_path: Path) -> None:
    with open_redis(None, folder / "data") as store:
        assert Reader(store.client).job().synthetic
    event = {"event_id": "e", "event_type": "follow", "event_time": 1_781_780_400_000, "user_id": "u"}
    (tmp_path / "real.jsonl").write_text(json.dumps(event) + "\n")
    replayed(tmp_path / "data", tmp_path / "real.jsonl")
    with open_redis(None, tmp_path / "data") as store:
        assert not Reader(store.client).job().synthetic
