"""The comparison itself: an export of the whole catalogue agrees, and whatever is wrong in one is told."""

from collections.abc import Iterator

import duckdb
import pytest
from comparing import differences
from expected_now import BOARD_METRICS_NOW
from hand_counted import HOUR_MS, NOON, booked, event, line, write_shop
from oracle_boards import book_boards

ALL = frozenset({"items", "creators", "merchants"})
TABLES = ("metrics", "leaderboards", "reconciliation", "funnel_stages", "funnel_moves", "funnel_times")


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    crowd = [event("view", NOON + place, f"u{place}", room_id="crowd") for place in range(1500)]
    some = [
        event("view", NOON, item_id="pan"),
        event("click", NOON + 1, item_id="pan"),
        event("view", NOON, room_id="r"),
    ]
    money = [
        line("paid", NOON + HOUR_MS, "o", creator_id="host"),
        line("refunded", NOON + HOUR_MS, "o", minor=130),
    ]
    store = booked([*crowd, *some, *money], write_shop(tmp_path_factory.mktemp("shop")))
    book_boards(store, sorted(BOARD_METRICS_NOW))
    return store


@pytest.fixture
def store(oracle: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """An export that has all, as tables that may be spoilt."""
    for table in TABLES:
        left_out = "EXCLUDE (start_ms)" if table == "metrics" else ""
        oracle.execute(f"CREATE OR REPLACE TABLE main.{table} AS SELECT * {left_out} FROM oracle.{table}")
    yield oracle
    for table in TABLES:
        oracle.execute(f"DROP TABLE main.{table}")


def test_the_whole_catalogue_agrees_with_itself(store: duckdb.DuckDBPyConnection) -> None:
    assert differences(store, ALL) == []


def test_rows_of_zeros_may_be_absent_and_estimates_a_little_off(store: duckdb.DuckDBPyConnection) -> None:
    store.execute(
        "DELETE FROM main.metrics WHERE views + clicks + orders_paid + refunds_minor + refunds_by_order_time_minor = 0"
    )
    store.execute("""
        UPDATE main.metrics SET viewers = viewers * 1.02, gpm_viewers_minor = gpm_viewers_minor / 1.02,
            uv_value_minor = uv_value_minor / 1.02, view_conversion = view_conversion / 1.02 WHERE viewers > 1000
    """)
    assert differences(store, ALL) == []


@pytest.mark.parametrize(
    ("spoilt", "told"),
    [
        ("UPDATE main.metrics SET clicks = 2 WHERE scope = 'region' AND \"window\" = 'day'", "region north, day"),
        ("DELETE FROM main.metrics WHERE scope = 'platform' AND \"window\" = 'total'", "views is 1502, the export has"),
        ("DELETE FROM main.metrics WHERE scope = 'room'", "room crowd, total"),
        ("UPDATE main.metrics SET viewers = viewers + 1 WHERE viewers < 1000", "viewers is 1, the export has 2"),
        ("UPDATE main.metrics SET viewers = viewers * 1.06 WHERE viewers > 1000", "viewers is 150"),
        ("UPDATE main.metrics SET ctr = 0 WHERE ctr IS NULL", "ctr is None, the export has 0"),
        ("UPDATE main.metrics SET aov_minor = aov_minor + 1e-9", "aov_minor is 100.0"),
        ("UPDATE main.metrics SET window_start = window_start + INTERVAL 1 MINUTE", "day 2026"),
        ("INSERT INTO main.metrics BY NAME SELECT * REPLACE ('city' AS scope) FROM main.metrics", "no given dimension"),
        ("ALTER TABLE main.metrics ADD COLUMN luck BIGINT", "unknown columns luck"),
        ("ALTER TABLE main.metrics ALTER views TYPE DOUBLE", "another type in views"),
        ("ALTER TABLE main.metrics DROP COLUMN clicks", "lacks the columns clicks"),
        ("DELETE FROM main.leaderboards WHERE metric = 'views'", "leaderboards: the export lacks"),
        ("UPDATE main.leaderboards SET rank = rank + 1 WHERE scope = 'room'", "only the export has room"),
        ("UPDATE main.reconciliation SET amount_minor = 29", "over_refund, o, pan, 30"),
        ("UPDATE main.funnel_moves SET users = users + 1", "funnel_moves: the export lacks"),
        ("DELETE FROM main.funnel_times", "funnel_times: the export lacks"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(spoilt: str, told: str, store: duckdb.DuckDBPyConnection) -> None:
    store.execute(spoilt)
    assert told in "\n".join(differences(store, ALL))
