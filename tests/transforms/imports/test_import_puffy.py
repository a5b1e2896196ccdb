"""The Puffy importer against the raw log, asked by DuckDB, and against rows broken on purpose."""

import csv
import gzip
import io
import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading_imports import Import

from transforms.io.imports.puffy_orders import largest_remainder
from transforms.io.imports.puffy_traffic import traffic_of

HEADER = ["client_id", "page_url", "referrer", "timestamp", "event_name", "event_data", "user_agent"]

FIRST_OF_EACH_TRANSACTION = """
    WITH log AS (
        SELECT *, row_number() OVER () AS place FROM read_csv(
            $files, union_by_name = true, all_varchar = true, parallel = false)
    ), checkouts AS (
        SELECT place, "timestamp" AS at, json_extract_string(event_data, '$.transaction_id') AS id,
               CAST(json_extract_string(event_data, '$.revenue') AS DECIMAL(18, 2)) AS revenue
        FROM log WHERE event_name = 'checkout_completed'
    )
    SELECT id, arg_min(revenue, place) AS revenue FROM checkouts GROUP BY id
"""


def truth_of(files: list[Path]) -> dict[str, int]:
    rows = duckdb.execute(FIRST_OF_EACH_TRANSACTION, {"files": [str(file) for file in files]}).fetchall()
    return {order: int(revenue * 100) for order, revenue in rows}


def revenue_of(rows: list[dict[str, Any]]) -> dict[str, int]:
    totals: dict[str, int] = defaultdict(int)
    for row in rows:
        if row["event_type"] == "order":
            totals[row["order_id"]] += row["amount_minor"]
    return dict(totals)


@pytest.mark.parametrize("days", [10, 4, 1])
def test_every_order_and_its_revenue_equal_the_raw_log(
    days: int, data: Callable[[str], Path], imported: Import, tmp_path: Path
) -> None:
    files = sorted(data("puffy").glob("*.csv.gz"))[:days]
    (tmp_path / "in").mkdir()
    for file in files:
        shutil.copy(file, tmp_path / "in")
    result = imported("puffy", tmp_path / "in")
    truth = truth_of(files)
    assert revenue_of(result.rows) == truth
    assert result.report.orders == len(truth)
    assert result.report.paid_minor == {"USD": sum(truth.values())}


def test_the_published_figures(data: Callable[[str], Path], imported: Import) -> None:
    result = imported("puffy", data("puffy"))
    revenue = revenue_of(result.rows)
    assert (len(revenue), sum(revenue.values())) == (210, 20_406_040)
    assert result.report.dead_letters == {"duplicate_transaction": 3}
    source_rows = sum(file.rows for file in result.report.files)
    order_rows = len(revenue) + 3
    others = sum(1 for row in result.rows if row["event_type"] != "order")
    assert source_rows == 36_546 == order_rows + others + sum(result.report.not_mapped.values())


def test_events_are_well_formed(data: Callable[[str], Path], imported: Import) -> None:
    rows = imported("puffy", data("puffy")).rows
    assert len({row["event_id"] for row in rows}) == len(rows)
    assert all(row["user_id"] for row in rows)
    assert all(row["room_id"] is row["session_id"] is row["creator_id"] is None for row in rows)
    assert all(row["item_id"] for row in rows if row["event_type"] != "view")
    lines = Counter((row["order_id"], row["item_id"]) for row in rows if row["event_type"] == "order")
    assert set(lines.values()) == {1}
    assert {row["traffic_source"] for row in rows} == {"qianchuan", "share", "search", "other"}
    assert all((row["ad_plan_id"] is not None) == (row["traffic_source"] == "qianchuan") for row in rows)


def test_one_file_gives_the_same_events_as_within_its_folder(
    data: Callable[[str], Path], imported: Import, tmp_path: Path
) -> None:
    file = sorted(data("puffy").glob("*.csv.gz"))[0]
    plain = tmp_path / file.name.removesuffix(".gz")
    plain.write_bytes(gzip.decompress(file.read_bytes()))
    whole = imported("puffy", data("puffy"), "whole").rows
    alone = imported("puffy", plain, "alone").rows
    assert alone == whole[: len(alone)]


# Rows broken on purpose.


def checkout(transaction: object, revenue: object, items: object = ()) -> dict[str, str]:
    body = {"transaction_id": transaction, "revenue": revenue, "items": items}
    return {"event_name": "checkout_completed", "event_data": json.dumps(body)}


def write_log(path: Path, rows: list[dict[str, str]], header: list[str] = HEADER) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, header)
    writer.writeheader()
    writer.writerows({"timestamp": "2025-02-23T00:00:01Z", "client_id": "c", **row} for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def test_lines_sum_to_the_revenue_whatever_the_item_prices_say(imported: Import, tmp_path: Path) -> None:
    items = [
        {"item_id": sku, "quantity": n, "item_price": p}
        for sku, n, p in [("a", 1, 3), ("b", 2, 3), ("c", 1, 1)]
    ]
    result = imported("puffy", write_log(tmp_path / "events_1.csv", [checkout("t", 0.99, items)]))
    lines = {row["item_id"]: (row["quantity"], row["amount_minor"]) for row in result.rows}
    assert lines == {"a": (1, 30), "b": (2, 59), "c": (1, 10)}  # 29.7, 59.4, 9.9 of 99 cents


def test_an_item_twice_is_one_line_and_no_items_are_an_unknown_one(imported: Import, tmp_path: Path) -> None:
    twice = [
        {"item_id": "a", "quantity": 1, "item_price": 10},
        {"item_id": "a", "quantity": 2, "item_price": 5},
    ]
    log = write_log(tmp_path / "events_1.csv", [checkout("t1", 15, twice), checkout("t2", 7.5, None)])
    rows = imported("puffy", log).rows
    assert [(r["order_id"], r["item_id"], r["quantity"], r["amount_minor"]) for r in rows] == [
        ("t1", "a", 3, 1500),
        ("t2", "unknown", 1, 750),
    ]


def test_orders_without_a_client_still_count(imported: Import, tmp_path: Path) -> None:
    rows = [checkout("t1", 1) | {"client_id": ""}, checkout("t2", 2) | {"client_id": "null"}]
    result = imported("puffy", write_log(tmp_path / "events_1.csv", rows))
    assert [row["user_id"] for row in result.rows] == ["anonymous-t1", "anonymous-t2"]


BAD_ROWS = {
    "malformed_json": {"event_name": "checkout_completed", "event_data": '{"transaction_id": "t9", '},
    "bad_revenue": checkout("t9", "12 dollars"),
    "missing_transaction_id": checkout(None, 12),
    "duplicate_transaction": checkout("t1", 99),
    "bad_timestamp": {"event_name": "page_viewed", "timestamp": "yesterday"},
    "missing_event_name": {"event_name": ""},
}


@pytest.mark.parametrize("reason", sorted(BAD_ROWS))
def test_a_bad_row_is_a_dead_letter_and_the_rest_goes_on(
    reason: str, imported: Import, tmp_path: Path
) -> None:
    rows = [checkout("t1", 10), BAD_ROWS[reason], checkout("t2", 20)]
    log = write_log(tmp_path / "events_1.csv", rows)
    result = imported("puffy", log)
    assert revenue_of(result.rows) == {"t1": 1000, "t2": 2000}
    [letter] = result.dead_letters
    assert letter["reason"] == reason
    assert letter["raw"] == log.read_bytes().splitlines()[2]
    assert result.report.dead_letters == {reason: 1}


def test_a_stray_quote_takes_no_other_row_down(imported: Import, tmp_path: Path) -> None:
    log = write_log(tmp_path / "events_1.csv", [checkout(f"t{n}", n) for n in range(1, 60)])
    lines = log.read_bytes().splitlines(keepends=True)
    lines[10] = b'x,"stray,,2025-02-23T00:00:01Z,page_viewed,,\n'
    log.write_bytes(b"".join(lines))
    result = imported("puffy", log)
    assert set(revenue_of(result.rows)) == {f"t{n}" for n in range(1, 60)} - {"t10"}
    assert result.report.dead_letters == {"malformed_row": 1}


def test_columns_may_be_renamed_reordered_or_missing(imported: Import, tmp_path: Path) -> None:
    header = ["eventData", "clientId", "event_name", "timestamp"]
    rows = [{**checkout("t1", 10), "clientId": "seen"}]
    for row in rows:
        row["eventData"] = row.pop("event_data")
    text = io.StringIO()
    writer = csv.DictWriter(text, header)
    writer.writeheader()
    writer.writerows({"timestamp": "2025-02-23T00:00:01Z", **row} for row in rows)
    log = tmp_path / "events_1.csv"
    log.write_text(text.getvalue(), encoding="utf-8")
    [order] = imported("puffy", log).rows
    assert (order["user_id"], order["amount_minor"]) == ("seen", 1000)


def test_pages_and_carts(imported: Import, tmp_path: Path) -> None:
    rows = [
        {"event_name": "page_viewed", "page_url": "https://puffy.com/products/puffy-topper?size=Q"},
        {"event_name": "page_viewed", "page_url": "https://puffy.com/blogs/a?next=/products/no"},
        {
            "event_name": "product_added_to_cart",
            "page_url": "https://puffy.com/collections/all/products/pillow",
        },
        {"event_name": "product_added_to_cart", "page_url": "https://puffy.com/cart?addon=0FD9EE"},
        {"event_name": "checkout_started"},
    ]
    result = imported("puffy", write_log(tmp_path / "events_1.csv", rows))
    assert [(row["event_type"], row["item_id"]) for row in result.rows] == [
        ("view", "puffy-topper"),
        ("view", None),
        ("click", "pillow"),
        ("click", "cart"),
    ]
    assert result.report.not_mapped == {"checkout_started": 1}
    assert {row["item_id"]: row["merchant_id"] for row in result.dimension("items")} == dict.fromkeys(
        ["cart", "pillow", "puffy-topper"], "puffy"
    )


@pytest.mark.parametrize(
    ("url", "referrer", "expected"),
    [
        ("https://p.com/?gclid=A&utm_campaign=C9&affid=1", None, ("qianchuan", "C9")),
        ("https://p.com/?msclkid=A", "https://www.bing.com/", ("qianchuan", "microsoft-ads")),
        ("https://p.com/?irclickid=A&utm_campaign=x", None, ("share", None)),
        ("https://p.com/", "https://www.google.co.uk/", ("search", None)),
        ("https://p.com/", "https://mail.google.com/", ("other", None)),
        ("https://p.com/", "https://share.puffy.com/", ("share", None)),
        ("https://p.com/", None, ("other", None)),
        ("http://[broken", "http://[broken", ("other", None)),
        (None, None, ("other", None)),
    ],
)
def test_traffic(url: str | None, referrer: str | None, expected: tuple[str, str | None]) -> None:
    assert traffic_of(url, referrer) == expected


@given(
    st.integers(0, 10**9),
    st.lists(st.decimals(0, 10**5, places=2), min_size=1, max_size=12),
)
def test_largest_remainder_sums_and_stays_within_one_unit_of_its_share(
    total: int, weights: list[Decimal]
) -> None:
    shares = largest_remainder(total, weights)
    assert sum(shares) == total
    whole = sum(weights) or len(weights)
    exact = [total * (weight if sum(weights) else Decimal(1)) / whole for weight in weights]
    assert all(abs(share - ideal) < 1 + Decimal("1e-9") for share, ideal in zip(shares, exact, strict=True))
