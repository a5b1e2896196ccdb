"""The Online Retail importer against the raw invoices, asked by DuckDB: to the penny, by day and by item."""

import gzip
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from reading_imports import Import, Imported

# Pence of a line, half to even, in whole numbers only: the raw prices have at most three decimals.
RAW_LINES = """
    CREATE TABLE raw AS
    WITH lines AS (
        SELECT *, CAST(Quantity AS BIGINT) * CAST(CAST(UnitPrice AS DECIMAL(12, 3)) * 1000 AS BIGINT) AS mills
        FROM read_csv($file, all_varchar = true)
    ), cut AS (SELECT *, abs(mills) // 10 AS pence, abs(mills) % 10 AS rest FROM lines)
    SELECT *, sign(mills) * CAST(pence + CASE WHEN rest > 5 OR (rest = 5 AND pence % 2 = 1) THEN 1 ELSE 0 END
                                 AS BIGINT) AS minor
    FROM cut
"""


@pytest.fixture(scope="module")
def store(data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    from transforms.io.imports import import_dataset

    out = tmp_path_factory.mktemp("retail") / "out"
    imported = Imported(import_dataset("online-retail", data("online_retail"), out), out)
    connection = duckdb.connect()
    connection.execute(RAW_LINES, {"file": str(data("online_retail") / "online_retail.csv.gz")})
    connection.register("events", imported.events)
    connection.register("refused", _letters(imported))
    return connection


def _letters(imported: Imported) -> object:
    import pyarrow.parquet as pq

    return pq.read_table(imported.folder / "deadletters.parquet")


NET = "sum(CASE order_status WHEN 'paid' THEN amount_minor ELSE -amount_minor END)"


def one(store: duckdb.DuckDBPyConnection, sql: str) -> tuple[object, ...]:
    row = store.execute(sql).fetchone()
    assert row is not None
    return row


def test_gross_cancellations_and_net_equal_the_published_figures(store: duckdb.DuckDBPyConnection) -> None:
    gross, cancelled, net = one(
        store,
        f"SELECT {NET} FILTER (order_id[1] <> 'C'), {NET} FILTER (order_id[1] = 'C'), {NET} FROM events",
    )
    assert (gross, cancelled, net) == (1_064_456_042, -89_681_249, 974_774_793)


def test_paid_and_refunded_equal_the_positive_and_negative_lines(store: duckdb.DuckDBPyConnection) -> None:
    ours = "SELECT order_status, count(*), sum(amount_minor) FROM events GROUP BY 1 ORDER BY 1"
    truth = """
        SELECT CASE WHEN mills > 0 THEN 'paid' ELSE 'refunded' END, count(*), sum(abs(minor))
        FROM raw WHERE mills <> 0 GROUP BY 1 ORDER BY 1
    """
    assert store.execute(ours).fetchall() == store.execute(truth).fetchall()


@pytest.mark.parametrize(
    ("ours", "raw"),
    [
        ("order_id", "InvoiceNo"),
        ("item_id", "StockCode"),
        ("CAST(timezone('Europe/London', event_time) AS DATE)", "CAST(InvoiceDate AS DATE)"),
        (
            "CASE WHEN starts_with(user_id, 'guest-') THEN NULL ELSE user_id END",
            "replace(CustomerID, '.0', '')",
        ),
    ],
)
def test_every_invoice_item_day_and_customer_has_its_net_to_the_penny(
    store: duckdb.DuckDBPyConnection, ours: str, raw: str
) -> None:
    differing = f"""
        WITH events_by AS (SELECT {ours} AS key, count(*) AS lines, {NET} AS net FROM events GROUP BY 1),
             raw_by AS (SELECT {raw} AS key, count(*) AS lines, sum(minor) AS net
                        FROM raw WHERE mills <> 0 GROUP BY 1)
        SELECT * FROM events_by FULL JOIN raw_by ON events_by.key IS NOT DISTINCT FROM raw_by.key
        WHERE events_by.lines IS DISTINCT FROM raw_by.lines OR events_by.net IS DISTINCT FROM raw_by.net
    """
    assert store.execute(differing).fetchall() == []


def test_no_row_is_lost(store: duckdb.DuckDBPyConnection) -> None:
    events, letters, reasons = one(
        store, "SELECT (SELECT count(*) FROM events), count(*), list(DISTINCT reason) FROM refused"
    )
    assert (events, letters, reasons) == (541_909 - 2_515, 2_515, ["no_sale"])
    assert one(store, "SELECT count(DISTINCT event_id) FROM events") == (541_909 - 2_515,)
    assert one(store, "SELECT count(*) FROM raw WHERE mills = 0") == (2_515,)


def test_units_are_the_lines_quantities(store: duckdb.DuckDBPyConnection) -> None:
    ours = one(store, "SELECT sum(quantity), min(quantity), count(DISTINCT currency) FROM events")
    assert ours == (*one(store, "SELECT sum(abs(CAST(Quantity AS BIGINT))) FROM raw WHERE mills <> 0"), 1, 1)


HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


def write_invoices(path: Path, *lines: str) -> Path:
    path.write_text("\n".join((HEADER, *lines)) + "\n", encoding="latin-1")
    return path


def test_half_pennies_round_to_even_and_clocks_follow_summer_time(imported: Import, tmp_path: Path) -> None:
    file = write_invoices(
        tmp_path / "online_retail.csv",
        "1,A,pound sign £,1,2011-07-01 12:00:00,0.125,,United Kingdom",
        "1,B,x,3,2011-01-01 12:00:00,0.045,7.0,United Kingdom",
        "C2,A,x,-1,2011-10-30 01:30:00,0.135,7,United Kingdom",
    )
    rows = imported("online-retail", file).rows
    got = [(r["order_status"], r["amount_minor"], r["user_id"], r["event_time"].isoformat()) for r in rows]
    assert got == [
        ("paid", 12, "guest-1", "2011-07-01T11:00:00+00:00"),
        ("paid", 14, "7", "2011-01-01T12:00:00+00:00"),  # 13.5 pence
        ("refunded", 14, "7", "2011-10-30T00:30:00+00:00"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1,A,x,1,yesterday,1,,UK", "bad_timestamp"),
        ("1,A,x,one,2011-01-01 12:00:00,1,,UK", "bad_quantity"),
        ("1,A,x,1,2011-01-01 12:00:00,1.0.0,,UK", "bad_amount"),
        ("1,A,x,99999999999,2011-01-01 12:00:00,1,,UK", "bad_quantity"),
        ("1,A,x,2000000000,2011-01-01 12:00:00,999999999999,,UK", "bad_amount"),
        (",A,x,1,2011-01-01 12:00:00,1,,UK", "missing_invoice"),
        ("1,,x,1,2011-01-01 12:00:00,1,,UK", "missing_item"),
        ("1,A,x,1,2011-01-01 12:00:00,0,,UK", "no_sale"),
        ("1,A,x,1", "malformed_row"),
        ('1,A,"open,1,2011-01-01 12:00:00,0,,UK', "malformed_row"),
    ],
)
def test_a_bad_row_is_a_dead_letter_and_the_rest_goes_on(
    line: str, reason: str, imported: Import, tmp_path: Path
) -> None:
    good = "9,A,x,1,2011-01-01 12:00:00,1,,UK"
    result = imported("online-retail", write_invoices(tmp_path / "online_retail.csv", good, line, good))
    assert [row["amount_minor"] for row in result.rows] == [100, 100]
    assert [(d["reason"], d["raw"]) for d in result.dead_letters] == [(reason, line.encode())]


def test_dates_as_other_exports_of_the_same_table_write_them(imported: Import, tmp_path: Path) -> None:
    file = write_invoices(tmp_path / "data.csv", "1,A,x,1,12/1/2010 8:26,1,,UK")
    packed = tmp_path / "again.csv.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    [row] = imported("online-retail", packed).rows
    assert row["event_time"].isoformat() == "2010-12-01T08:26:00+00:00"
