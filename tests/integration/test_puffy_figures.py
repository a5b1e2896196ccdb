"""A shop's raw web log, through import, replay and export as one types them, against DuckDB over the raw rows."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from credits_oracle import book_credits, wrong_channels, wrong_credits, wrong_new_customers, wrong_reach
from running import command, exported, replayed, tables_of

from transforms.io.imports import import_dataset

ORDERS = """
    WITH log AS (
        SELECT *, row_number() OVER () AS place
        FROM read_csv($files, union_by_name = true, all_varchar = true, parallel = false)
    ), checkouts AS (
        SELECT place, CAST("timestamp" AS TIMESTAMPTZ) AS moment,
               json_extract_string(event_data, '$.transaction_id') AS id,
               CAST(json_extract_string(event_data, '$.revenue') AS DECIMAL(18, 2)) AS revenue
        FROM log WHERE event_name = 'checkout_completed'
    )
    SELECT id, arg_min(moment, place) AS moment, arg_min(revenue, place) AS revenue FROM checkouts GROUP BY id
"""
DAYS = f"""
    SELECT epoch_ms(date_trunc('day', moment)), CAST(sum(revenue) * 100 AS BIGINT), count(*) FROM ({ORDERS})
    GROUP BY 1 ORDER BY 1
"""
PAGES = """
    SELECT count(*) FILTER (event_name = 'page_viewed'), count(*) FILTER (event_name = 'product_added_to_cart')
    FROM read_csv($files, union_by_name = true, all_varchar = true)
"""


def raw(sql: str, files: list[Path]) -> list[tuple[Any, ...]]:
    store = duckdb.connect()
    store.execute("SET TimeZone = 'UTC'")
    return store.execute(sql, {"files": [str(file) for file in files]}).fetchall()


def test_the_log_from_the_command_line(data: Callable[[str], Path], tmp_path: Path) -> None:
    events, home, out = tmp_path / "events", tmp_path / "home", tmp_path / "out"
    command("import", "puffy", data("puffy"), "--out", events)
    replay = ("replay", events, "--currency", "USD", "--timezone", "UTC", "--data-dir", home, "--json")
    report = json.loads(command(*replay).stdout)
    assert report["refused"] == {}
    told = json.loads(command("export", out, "--data-dir", home, "--json").stdout)
    assert (told["currency"], told["timezone"]) == ("USD", "UTC")
    store = tables_of(out)
    total = """
        SELECT gmv_paid_minor, orders_paid, views, clicks FROM metrics WHERE scope = 'platform' AND "window" = 'total'
    """
    files = sorted(data("puffy").glob("*.csv.gz"))
    assert store.execute(total).fetchall() == [(20_406_040, 210, *raw(PAGES, files)[0])]
    assert by_day(store) == raw(DAYS, files)


def by_day(store: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return store.execute("""
        SELECT epoch_ms(window_start), gmv_paid_minor, orders_paid FROM metrics
        WHERE scope = 'platform' AND "window" = 'day' AND orders_paid > 0 ORDER BY 1
    """).fetchall()


@pytest.fixture(scope="module")
def credited(
    data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> duckdb.DuckDBPyConnection:
    """Ten days of the shop, replayed under two windows."""
    home = tmp_path_factory.mktemp("credited")
    import_dataset("puffy", data("puffy"), home / "events")
    windows = "click_7d_view_1d click_3d"
    told = {"currency": "USD", "timezone": "Asia/Shanghai", "attribution_window": windows}
    replayed(home / "home", home / "events", settings=told)
    store = tables_of(exported(home / "home"))
    store.execute(f"""
        CREATE TABLE events AS SELECT * REPLACE (epoch_ms(event_time)::BIGINT AS event_time)
        FROM '{home}/events/events-*.parquet'
    """)
    book_credits(store, str(home / "events" / "dims" / "items.parquet"), windows.split())
    return store


def test_every_lines_credit_under_every_model_over_ten_days(credited: duckdb.DuckDBPyConnection) -> None:
    assert wrong_credits(credited) == []


def test_every_channels_credit_in_every_window_over_ten_days(credited: duckdb.DuckDBPyConnection) -> None:
    assert wrong_channels(credited) == []


def test_every_channels_credit_of_new_customers(credited: duckdb.DuckDBPyConnection) -> None:
    assert wrong_new_customers(credited) == []
    [[told]] = credited.execute(
        "SELECT count(*) FROM attribution WHERE new_customer_credit_minor > 0"
    ).fetchall()
    assert told


def test_every_channels_reach(credited: duckdb.DuckDBPyConnection) -> None:
    assert wrong_reach(credited) == []


def test_the_first_and_the_last_touch_of_each_order_each_get_what_was_paid(
    credited: duckdb.DuckDBPyConnection,
) -> None:
    totals = credited.execute("""
        SELECT model, attribution_window, sum(credit_minor)::BIGINT FROM attribution
        WHERE "window" = 'total' AND model IN ('first_touch', 'last_touch') GROUP BY ALL
    """).fetchall()
    assert len(totals) == 4
    assert {credit for *_, credit in totals} == {20_406_040}


@pytest.mark.parametrize("missing", [5])
def test_without_one_days_file_the_figures_are_that_much_smaller(
    missing: int, data: Callable[[str], Path], tmp_path: Path
) -> None:
    files = sorted(data("puffy").glob("*.csv.gz"))
    kept = [file for place, file in enumerate(files) if place != missing]
    (tmp_path / "raw").mkdir()
    for file in kept:
        shutil.copy(file, tmp_path / "raw")
    import_dataset("puffy", tmp_path / "raw", tmp_path / "events")
    replayed(tmp_path / "home", tmp_path / "events", settings={"currency": "USD", "timezone": "UTC"})
    days = by_day(tables_of(exported(tmp_path / "home")))
    assert days == raw(DAYS, kept)
    assert sum(revenue for _, revenue, _ in days) < 20_406_040
