"""A year of real invoices and cancellations, against DuckDB over the raw file: to the penny, by day and by item.

In short its last four weeks; all of it with `-m long`.

The raw prices have at most three decimals, so pence are rounded half to even in whole numbers only.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from running import exported, replayed, tables_of

from transforms.io.imports import import_dataset

RAW = """
    CREATE TABLE raw AS
    WITH lines AS (
        SELECT StockCode AS item, InvoiceNo AS invoice,
               timezone('Europe/London', date_trunc('day', CAST(InvoiceDate AS TIMESTAMP))) AS day,
               CAST(Quantity AS BIGINT) * CAST(CAST(UnitPrice AS DECIMAL(12, 3)) * 1000 AS BIGINT) AS mills
        FROM read_csv($file, all_varchar = true)
    ), cut AS (SELECT *, abs(mills) // 10 AS pence, abs(mills) % 10 AS rest FROM lines)
    SELECT *, CAST(pence + CASE WHEN rest > 5 OR (rest = 5 AND pence % 2 = 1) THEN 1 ELSE 0 END AS BIGINT) AS minor
    FROM cut WHERE mills <> 0 AND day >= timezone('Europe/London', $since::TIMESTAMP)
"""
SUMS = """
    coalesce(sum(minor) FILTER (mills > 0), 0)::BIGINT AS paid,
    coalesce(sum(minor) FILTER (mills < 0), 0)::BIGINT AS refunded,
    count(DISTINCT invoice) FILTER (mills > 0) AS orders
"""
OURS = "gmv_paid_minor AS paid, refunds_minor AS refunded, orders_paid AS orders, net_gmv_minor AS net"


WHOLE, LATE = "2010-01-01", "2011-11-15"
IN_ALL = {WHOLE: (541_909 - 2_515, 974_774_793)}
"""Lines with a price, and their sum, as published of the whole file."""


@pytest.fixture(
    scope="module", params=[LATE, pytest.param(WHOLE, marks=pytest.mark.long)], ids=["late", "whole"]
)
def store(
    request: pytest.FixtureRequest, data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> duckdb.DuckDBPyConnection:
    folder = tmp_path_factory.mktemp("retail")
    import_dataset("online-retail", data("online_retail"), folder / "events")
    events = folder / "events" / "events-00000.parquet"
    held = pq.read_table(events)
    since = datetime.fromisoformat(request.param).replace(tzinfo=ZoneInfo("Europe/London"))
    begin = pa.scalar(since, held.schema.field("event_time").type)
    pq.write_table(held.filter(pc.greater_equal(held["event_time"], begin)), events)
    terms = {"currency": "GBP", "timezone": "Europe/London"}
    report = replayed(folder / "home", folder / "events", settings=terms)
    out = exported(folder / "home")
    found = tables_of(out)
    found.execute(RAW, {"file": str(data("online_retail") / "online_retail.csv.gz"), "since": request.param})
    [(rows, net)] = found.execute("SELECT count(*), sum(minor)::BIGINT FROM raw").fetchall()
    assert (report.events, report.accepted, report.refused) == (rows, rows, {})
    assert (rows, net) == IN_ALL.get(request.param, (rows, net))
    return found


def test_gross_refunds_and_net_in_all(store: duckdb.DuckDBPyConnection) -> None:
    [ours] = store.execute(
        f"SELECT {OURS} FROM metrics WHERE scope = 'platform' AND \"window\" = 'total'"
    ).fetchall()
    [(paid, refunded, orders)] = store.execute(f"SELECT {SUMS} FROM raw").fetchall()
    assert ours == (paid, refunded, orders, paid - refunded)


@pytest.mark.parametrize(
    ("scope", "window", "key", "raw_key"),
    [
        ("platform", "day", "epoch_ms(window_start)", "epoch_ms(day)"),
        ("item", "total", "id", "item"),
        ("item", "day", "(id, epoch_ms(window_start))", "(item, epoch_ms(day))"),
    ],
)
def test_every_day_and_every_item_to_the_penny(
    store: duckdb.DuckDBPyConnection, scope: str, window: str, key: str, raw_key: str
) -> None:
    wrong = store.execute(
        f"""
        WITH ours AS (SELECT {key} AS key, {OURS} FROM metrics WHERE scope = $scope AND "window" = $window),
             truth AS (SELECT {raw_key} AS key, {SUMS} FROM raw GROUP BY 1)
        SELECT * FROM ours FULL JOIN truth USING (key)
        WHERE (ours.paid, ours.refunded, ours.orders) IS DISTINCT FROM (truth.paid, truth.refunded, truth.orders)
           OR ours.net IS DISTINCT FROM truth.paid - truth.refunded
        """,
        {"scope": scope, "window": window},
    ).fetchall()
    assert wrong == []


def test_cancellations_name_no_invoice_so_each_is_listed_as_an_orphan_refund(
    store: duckdb.DuckDBPyConnection,
) -> None:
    wrong = store.execute("""
        WITH ours AS (
            SELECT order_id, item_id, amount_minor FROM reconciliation WHERE kind = 'orphan_refund'
        ), truth AS (
            SELECT invoice AS order_id, item AS item_id, sum(minor)::BIGINT AS amount_minor FROM raw WHERE mills < 0
            GROUP BY ALL
        )
        (FROM ours EXCEPT FROM truth) UNION ALL (FROM truth EXCEPT FROM ours)
    """).fetchall()
    assert wrong == []
