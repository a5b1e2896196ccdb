"""The sample that ships: small, attributed, made by its documented command, and true to the raw invoices."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
from reading_imports import Import

from schemas.events import EVENT_SCHEMA

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "runners" / "demo_data"
SAMPLE = DEMO / "online_retail_2011_11.parquet"


def test_the_sample_is_small_and_has_the_schema_of_events() -> None:
    assert SAMPLE.stat().st_size < 3_000_000
    assert pq.read_schema(SAMPLE) == EVENT_SCHEMA


def test_the_sample_is_attributed_where_it_lies_and_in_the_notice() -> None:
    for file in (DEMO / "README.md", ROOT / "NOTICE"):
        text = file.read_text(encoding="utf-8")
        assert "Chen, D. (2015)" in text
        assert "10.24432/C5BW33" in text
        assert "creativecommons.org/licenses/by/4.0" in text


def test_the_readme_states_the_sample_s_figures() -> None:
    figures = duckdb.execute(
        """
        SELECT format('{:,} | {:,} | £{:,.2f}', count(*), count(DISTINCT order_id), sum(amount_minor) / 100.0)
        FROM read_parquet($file) GROUP BY order_status
        """,
        {"file": str(SAMPLE)},
    ).fetchall()
    text = (DEMO / "README.md").read_text(encoding="utf-8")
    assert len(figures) == 2
    assert all(figure in text for (figure,) in figures)


def test_the_sample_is_the_raw_month_to_the_penny(data: Callable[[str], Path]) -> None:
    raw = data("online_retail") / "online_retail.csv.gz"
    net = "sum(CASE order_status WHEN 'paid' THEN amount_minor ELSE -amount_minor END)"
    ours = duckdb.execute(
        f"SELECT order_id, count(*), {net} FROM '{SAMPLE}' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    # Prices of that month have two decimals, so pence are exact; and British winter time is UTC.
    truth = duckdb.execute(
        f"""
        SELECT InvoiceNo, count(*), CAST(sum(CAST(Quantity AS BIGINT) * pence) AS BIGINT)
        FROM (SELECT *, CAST(CAST(UnitPrice AS DECIMAL(12, 2)) * 100 AS BIGINT) AS pence
              FROM read_csv('{raw}', all_varchar = true)
              WHERE InvoiceDate >= '2011-11-01' AND InvoiceDate < '2011-12-01')
        WHERE pence <> 0 GROUP BY 1 ORDER BY 1
        """
    ).fetchall()
    assert ours == truth


def test_the_documented_command_makes_it_again(
    data: Callable[[str], Path], imported: Import, tmp_path: Path
) -> None:
    import_folder = imported("online-retail", data("online_retail")).folder
    script = ROOT / "benchmarks" / "demo_sample.py"
    subprocess.run(
        [sys.executable, script, import_folder, "--out", tmp_path / "again"], check=True, timeout=300
    )
    assert (tmp_path / "again" / SAMPLE.name).read_bytes() == SAMPLE.read_bytes()
