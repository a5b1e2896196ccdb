"""The demo as its first user runs it: a simulated evening, held against DuckDB over its truth."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

ROOT = Path(__file__).parents[2]


def demo(folder: Path, *arguments: str) -> str:
    return interestream("demo", "--no-serve", "--data-dir", str(folder), *arguments)


def interestream(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "runners.cli.app", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evening")


@pytest.fixture(scope="module")
def shown(folder: Path) -> Any:
    return json.loads(demo(folder, "--json"))


def query(folder: Path, text: str) -> list[tuple[Any, ...]]:
    for name in ("orders", "coupons"):
        text = text.replace(name.upper(), f"'{folder}/simulated/truth/{name}.parquet'")
    return duckdb.sql(text).fetchall()


def test_it_says_that_it_is_synthetic(folder: Path, shown: Any) -> None:
    assert shown["synthetic"] is True
    assert "These data are synthetic" in demo(folder)
    look = ("metrics", "platform", "all", "--data-dir", str(folder))
    assert json.loads(interestream(*look, "--json"))["synthetic"] is True
    assert "CNY, synthetic" in interestream(*look)


def test_the_totals_are_those_intended(folder: Path, shown: Any) -> None:
    ((paid, refunded, orders),) = query(folder, """
        SELECT sum(amount_minor) FILTER (paid_at IS NOT NULL), sum(refund_minor + second_refund_minor),
               count(DISTINCT order_id) FILTER (paid_at IS NOT NULL) FROM ORDERS""")  # fmt: skip
    total = shown["total"]
    assert (total["gmv_paid_minor"], total["refunds_minor"], total["orders_paid"]) == (paid, refunded, orders)
    assert (shown["currency"], shown["refused"]) == ("CNY", {})
    assert sum(hour["gmv_paid_minor"] for hour in shown["hours"]) == paid
    assert shown["job"]["events"] == shown["job"]["accepted"] + shown["job"]["duplicates"]


def test_the_leaders_are_those_that_sold_most(folder: Path, shown: Any) -> None:
    for scope in ("room", "item"):
        expected = query(folder, f"""
            SELECT coalesce({scope}_id, 'none') AS id, sum(amount_minor) AS paid FROM ORDERS WHERE paid_at IS NOT NULL
            GROUP BY id ORDER BY paid DESC, id LIMIT 5""")  # fmt: skip
        assert [(place["id"], place["value"]) for place in shown[f"top_{scope}s"]] == expected


def test_every_model_gives_away_what_was_earned(folder: Path, shown: Any) -> None:
    ((net,),) = query(folder, "SELECT sum(net_minor) FROM ORDERS")
    for rows in shown["attribution"].values():
        assert sum(row["credit_minor"] for row in rows) == net


def test_coupons_stand_beside_what_they_caused(folder: Path, shown: Any) -> None:
    expected = query(folder, "SELECT coupon_id, incremental_net_minor FROM COUPONS ORDER BY coupon_id")
    assert [coupon["coupon_id"] for coupon in shown["coupons"]] == [name for name, _ in expected]
    assert [coupon["caused_minor"] for coupon in shown["coupons"]] == pytest.approx(
        [caused for _, caused in expected], abs=1
    )
    [buyers] = [coupon for coupon in shown["coupons"] if coupon["design"] == "at_buyers"]
    assert buyers["credit_minor"] > buyers["cost_minor"] > buyers["caused_minor"]


def test_the_best_buyer_gets_recommendations(shown: Any) -> None:
    ((buyer, items),) = shown["recommendations"].items()
    assert buyer.startswith("sim-u")
    assert len({item["item_id"] for item in items}) == 5


def test_a_second_time_nothing_is_left_to_do(folder: Path, shown: Any) -> None:
    assert "Nothing to do" in demo(folder)
