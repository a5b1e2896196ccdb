"""The demo over the real sample that ships, held against DuckDB over the sample itself."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from runners.embedded_redis import open_redis
from schemas.keys import recommender_key

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "runners" / "demo_data" / "*.parquet"


def demo(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "runners.cli.app",
            "demo",
            "--no-serve",
            "--data",
            "online-retail",
            "--data-dir",
            str(folder),
            *arguments,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def shown(folder: Path) -> Any:
    return json.loads(demo(folder, "--json"))


def query(text: str) -> list[tuple[Any, ...]]:
    return duckdb.sql(text.replace("SAMPLE", f"'{SAMPLE}'")).fetchall()


def test_the_totals_are_those_of_the_sample(shown: Any) -> None:
    ((events, paid, refunded, orders),) = query("""
        SELECT count(*), sum(amount_minor) FILTER (order_status = 'paid'),
               sum(amount_minor) FILTER (order_status = 'refunded'),
               count(DISTINCT order_id) FILTER (order_status = 'paid')
        FROM SAMPLE
    """)
    total = shown["total"]
    assert (total["gmv_paid_minor"], total["refunds_minor"], total["orders_paid"]) == (paid, refunded, orders)
    assert total["net_gmv_minor"] == paid - refunded
    assert shown["job"]["events"] == shown["job"]["accepted"] == events
    assert (shown["currency"], shown["refused"]) == ("GBP", {})


def test_the_days_are_the_shops_days(shown: Any) -> None:
    expected = query("""
        SELECT epoch_ms(timezone('Europe/London', day)), paid, refunded
        FROM (
            SELECT date_trunc('day', timezone('Europe/London', event_time)) AS day,
                   coalesce(sum(amount_minor) FILTER (order_status = 'paid'), 0) AS paid,
                   coalesce(sum(amount_minor) FILTER (order_status = 'refunded'), 0) AS refunded
            FROM SAMPLE GROUP BY day
        ) ORDER BY 1
    """)
    starts = duckdb.sql("SELECT unnest($1)", params=[[day["window_start"] for day in shown["days"]]])
    starts_ms = [
        start for (start,) in starts.query("text", "SELECT epoch_ms(#1::TIMESTAMPTZ) FROM text").fetchall()
    ]
    money = [(day["gmv_paid_minor"], day["refunds_minor"]) for day in shown["days"]]
    assert [(start, *both) for start, both in zip(starts_ms, money, strict=True)] == expected


def test_the_leading_items_are_those_that_sold_most(shown: Any) -> None:
    expected = query("""
        SELECT item_id, sum(amount_minor) AS paid FROM SAMPLE WHERE order_status = 'paid'
        GROUP BY item_id ORDER BY paid DESC, item_id LIMIT 5
    """)
    assert [(place["id"], place["value"]) for place in shown["top_items"]] == expected


def test_every_model_gives_away_what_was_earned(shown: Any) -> None:
    ((paid,),) = query("SELECT sum(amount_minor) FROM SAMPLE WHERE order_status = 'paid'")
    taken_back = shown["total"]["refunds_by_order_time_minor"]
    for rows in shown["attribution"].values():
        assert sum(row["credit_minor"] for row in rows) == paid - taken_back


def test_the_busiest_buyer_gets_recommendations_of_items_on_sale(shown: Any) -> None:
    ((buyer, items),) = shown["recommendations"].items()
    ((busiest,),) = query("""
        SELECT user_id FROM SAMPLE WHERE order_status = 'paid' AND user_id IS NOT NULL
        GROUP BY user_id ORDER BY count(*) DESC, user_id LIMIT 1
    """)
    on_sale = {item for (item,) in query("SELECT DISTINCT item_id FROM SAMPLE")}
    assert buyer == busiest
    assert len({item["item_id"] for item in items} & on_sale) == 5


def test_a_second_time_nothing_is_left_to_do_and_people_see_the_same(folder: Path, shown: Any) -> None:
    printed = demo(folder)
    assert "Nothing to do" in printed
    paid = shown["total"]["gmv_paid_minor"]
    assert f"GBP {paid // 100:,}.{paid % 100:02}" in printed
    assert f"interestream metrics platform all --window day --data-dir {folder}" in printed


def test_with_a_secret_the_same_is_shown_and_nobody_stands_under_their_id(shown: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("0123456789abcdef" * 4)
    secret.chmod(0o600)
    hidden = json.loads(demo(tmp_path / "data", "--json", "--no-features", "--pseudonymize", str(secret)))
    for name in ("total", "top_items", "recommendations", "refused"):
        assert hidden[name] == shown[name]
    [buyer] = shown["recommendations"]
    with open_redis(None, tmp_path / "data") as store:
        assert store.client.hget(recommender_key("is", "u", buyer), buyer) is None


def test_without_no_serve_it_serves_what_it_shows(folder: Path, shown: Any) -> None:
    command = [sys.executable, "-m", "runners.cli.app", "demo", "--data", "online-retail", "--port", "0"]
    command += ["--data-dir", str(folder)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as served:
        try:
            assert served.stderr is not None
            line = next(line for line in served.stderr if "until Ctrl-C" in line)
            url = re.search(r"http://[\w.:]*\w", line)[0]
            total = httpx.get(f"{url}/v1/metrics/platform/all", timeout=60).json()["rows"][0]
            served.send_signal(signal.SIGTERM)
            assert served.wait(120) == 0
        finally:
            served.kill()
    assert {name: total[name] for name in shown["total"]} == shown["total"]
