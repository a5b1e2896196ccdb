"""Every figure and every credit of generated events, against SQL written from their definitions."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from credits_oracle import (
    DEFAULT,
    MODELS,
    WINDOWS,
    book_credits,
    wrong_channels,
    wrong_credits,
    wrong_new_customers,
    wrong_reach,
)
from dense_events import write_dense
from figures_oracle import COUNTS, book_figures, read_events, wrong_figures
from running import exported, replayed, tables_of

ADDITIVE = ("views", "room_entries", "impressions", "clicks", "follows", "dwell_ms", "units_paid", "gmv_placed_minor",
            "gmv_paid_minor", "refunds_minor", "refunds_by_order_time_minor", "net_gmv_minor")  # fmt: skip
ORDERS = ("orders_placed", "orders_paid", "orders_cancelled")
GENERATED = 30_000


def shop(events: Path, home: Path) -> duckdb.DuckDBPyConnection:
    """28 hours of a plausible shop."""
    report = replayed(home, events, dims=events.parent / "dimensions")
    assert report.accepted + report.duplicates == report.events == GENERATED
    store = tables_of(exported(home))
    read_events(store, events)
    book_figures(store)
    book_credits(store, str(events.parent / "dimensions" / "items.parquet"))
    assert report.accepted == store.execute("SELECT count(*) FROM events").fetchall()[0][0]
    return store


def crowd(home: Path, seed: int) -> duckdb.DuckDBPyConnection:
    """Ten days in which everything meets."""
    events = write_dense(home / "events.jsonl", 2000, seed)
    windows = tuple(WINDOWS) if seed == 0 else DEFAULT
    report = replayed(home / "home", events, settings={"attribution_window": " ".join(windows)})
    assert report.refused == {}
    store = tables_of(exported(home / "home"))
    read_events(store, events)
    book_figures(store)
    book_credits(store, windows=windows)
    assert report.accepted == store.execute("SELECT count(*) FROM events").fetchall()[0][0]
    return store


ALL_MODELS = (*MODELS, "markov", "shapley")
"""Those of paths have an oracle of their own: `test_paths_and_lifts`."""
RANKED = (
    *COUNTS, "net_gmv_minor", "new_customer_gmv_minor", "new_customer_orders", "repurchase_gmv_minor", "repurchase_orders",
    "new_product_gmv_minor", "premium_gmv_minor",
)  # fmt: skip
"""Every money and count figure; distinct users have no leaderboard."""


@pytest.fixture(scope="module", params=["shop", *range(6)])
def store(
    request: pytest.FixtureRequest, generate: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> duckdb.DuckDBPyConnection:
    home = tmp_path_factory.mktemp("home")
    return shop(generate(GENERATED, 0.3), home) if request.param == "shop" else crowd(home, request.param)


def test_every_count_of_every_scope_and_window(store: duckdb.DuckDBPyConnection) -> None:
    assert wrong_figures(store) == []


def test_every_lines_credits_touch_by_touch(store: duckdb.DuckDBPyConnection) -> None:
    assert wrong_credits(store) == []


def test_every_channels_credit_and_touches(store: duckdb.DuckDBPyConnection) -> None:
    assert wrong_channels(store) == []


def test_every_channels_credit_of_new_customers(store: duckdb.DuckDBPyConnection) -> None:
    assert wrong_new_customers(store) == []
    [[told]] = store.execute(
        "SELECT count(*) FROM attribution WHERE new_customer_credit_minor > 0"
    ).fetchall()
    assert told


def test_every_channels_reach(store: duckdb.DuckDBPyConnection) -> None:
    assert wrong_reach(store) == []


def test_each_scope_sums_to_the_platform_in_every_window(store: duckdb.DuckDBPyConnection) -> None:
    """Rows without any figure may be absent, so a scope that has none in a window counts as 0 there."""
    sums = ", ".join(f"sum({name}) AS {name}" for name in ADDITIVE)
    zeros = ", ".join(f"0 AS {name}" for name in ADDITIVE)
    wrong = store.execute(f"""
        WITH every AS (
            FROM metrics SELECT scope, "window", window_start, {", ".join(ADDITIVE)}
            UNION ALL SELECT scope, "window", window_start, {zeros}
            FROM (SELECT DISTINCT scope FROM metrics), (SELECT DISTINCT "window", window_start FROM metrics)
        ), scopes AS (SELECT scope, "window", window_start, {sums} FROM every GROUP BY ALL)
        SELECT "window", window_start FROM scopes GROUP BY ALL
        HAVING count(*) <> (SELECT count(DISTINCT scope) FROM metrics)
            OR {" OR ".join(f"min({name}) <> max({name})" for name in ADDITIVE)}
    """).fetchall()
    assert wrong == []


def test_minutes_sum_to_hours_to_days_to_the_total(store: duckdb.DuckDBPyConnection) -> None:
    names = (*ADDITIVE, *ORDERS)
    sums = ", ".join(f"sum({name}) AS {name}" for name in names)
    wrong = store.execute(f"""
        WITH windows AS (SELECT scope, id, "window", {sums} FROM metrics GROUP BY ALL)
        SELECT scope, id FROM windows GROUP BY ALL
        HAVING count(*) <> 4 OR {" OR ".join(f"min({name}) <> max({name})" for name in names)}
    """).fetchall()
    assert wrong == []


def test_credit_is_net_gmv_where_nothing_was_refunded_too_much(store: duckdb.DuckDBPyConnection) -> None:
    """What credits leave out is exactly what `reconciliation` lists."""
    [[net]] = store.execute(
        "SELECT net_gmv_minor FROM metrics WHERE scope = 'platform' AND \"window\" = 'total'"
    ).fetchall()
    [[listed]] = store.execute("SELECT coalesce(sum(amount_minor), 0)::BIGINT FROM reconciliation").fetchall()
    credit = store.execute(
        "SELECT sum(credit_minor)::BIGINT FROM attribution WHERE \"window\" = 'total' GROUP BY model, attribution_window"
    ).fetchall()
    assert set(credit) == {(net + listed,)}
    assert len(credit) in (len(ALL_MODELS), len(ALL_MODELS) * len(WINDOWS))


def test_each_kind_of_further_channels_shares_out_the_same_credit(store: duckdb.DuckDBPyConnection) -> None:
    wrong = store.execute("""
        WITH sums AS (
            SELECT model, attribution_window, "window", window_start,
                   CASE WHEN channel IN ('fact_channel', 'creator', 'mcn', 'merchant') THEN channel ELSE '' END AS kind,
                   sum(credit_minor) AS credit, sum(direct_credit_minor) AS direct, sum(touches) AS touches,
                   round(sum(credited_orders), 6) AS orders
            FROM (FROM attribution UNION ALL FROM attribution_further) GROUP BY ALL
        )
        FROM sums SELECT * EXCLUDE (kind, credit, direct, touches, orders) GROUP BY ALL
        HAVING min(credit) <> max(credit) OR min(direct) <> max(direct) OR min(touches) <> max(touches)
            OR min(orders) <> max(orders) OR count(*) < 3
    """).fetchall()
    assert wrong == []


def test_creators_get_the_credit_of_their_touches(store: duckdb.DuckDBPyConnection) -> None:
    wrong = store.execute(f"""
        WITH truth AS (
            SELECT model, attribution_window, coalesce(t.creator_id, if(event_id IS NULL, 'direct', 'none')) AS id,
                   sum(credit)::BIGINT AS credit
            FROM true_credits LEFT JOIN true_touches AS t USING (event_id) GROUP BY ALL HAVING sum(credit) <> 0
        ), ours AS (
            SELECT model, attribution_window, id, credit_minor FROM attribution_further
            WHERE channel = 'creator' AND "window" = 'total' AND credit_minor <> 0 AND model IN {MODELS}
        )
        (FROM ours EXCEPT ALL FROM truth) UNION ALL (FROM truth EXCEPT ALL FROM ours) LIMIT 10
    """).fetchall()
    assert wrong == []


def test_every_paid_order_is_credited_once_in_equal_parts_less_what_was_wholly_refunded(
    store: duckdb.DuckDBPyConnection,
) -> None:
    """Parts are millionths of an order, so thirds are off by at most one of them."""
    [(orders, given, off)] = store.execute("""
        WITH lines AS (
            SELECT order_id, coalesce(sum(amount_minor) FILTER (order_status = 'paid'), 0) AS paid,
                   coalesce(sum(amount_minor) FILTER (order_status = 'refunded'), 0) AS refunded
            FROM events WHERE event_type = 'order' GROUP BY order_id, item_id
            HAVING count(*) FILTER (order_status = 'paid') > 0
        ), orders AS (
            SELECT count(*) FILTER (paid = 0 OR refunded < paid) / count(*) AS part FROM lines GROUP BY order_id
        ), models AS (
            SELECT sum(credited_orders) AS given FROM attribution WHERE "window" = 'total'
            GROUP BY model, attribution_window
        )
        SELECT (SELECT count(*) FROM orders), count(*), max(abs(given - (SELECT sum(part) FROM orders))) FROM models
    """).fetchall()
    assert given in (len(ALL_MODELS), len(ALL_MODELS) * len(WINDOWS))
    assert off <= orders * 1e-6


def test_refunds_that_find_no_line_or_exceed_it_are_listed(store: duckdb.DuckDBPyConnection) -> None:
    wrong = store.execute("""
        WITH lines AS (
            SELECT order_id, item_id, coalesce(sum(amount_minor) FILTER (order_status = 'paid'), 0)::BIGINT AS paid,
                   count(*) FILTER (order_status = 'paid') AS payments,
                   coalesce(sum(amount_minor) FILTER (order_status = 'refunded'), 0)::BIGINT AS refunded
            FROM events WHERE event_type = 'order' GROUP BY ALL
        ), truth AS (
            SELECT CASE WHEN payments = 0 THEN 'orphan_refund' ELSE 'over_refund' END AS kind, order_id, item_id,
                   refunded - paid AS amount_minor
            FROM lines WHERE refunded > paid
        ), ours AS (SELECT kind, order_id, item_id, amount_minor FROM reconciliation)
        (FROM ours EXCEPT ALL FROM truth) UNION ALL (FROM truth EXCEPT ALL FROM ours)
    """).fetchall()
    assert wrong == []


def test_leaderboards_are_the_first_hundred_of_the_figures(store: duckdb.DuckDBPyConnection) -> None:
    wrong = store.execute(f"""
        WITH figures AS (
            UNPIVOT (SELECT scope, id, "window", window_start, {", ".join(RANKED)}
                     FROM metrics WHERE "window" <> 'minute' AND scope <> 'platform')
            ON COLUMNS(* EXCLUDE (scope, id, "window", window_start)) INTO NAME metric VALUE value
        ), truth AS (
            SELECT scope, metric, "window", window_start,
                   row_number() OVER (PARTITION BY scope, metric, "window", window_start ORDER BY value DESC, id) AS rank,
                   id, value
            FROM figures WHERE value > 0 QUALIFY rank <= 100
        )
        (FROM leaderboards EXCEPT ALL FROM truth) UNION ALL (FROM truth EXCEPT ALL FROM leaderboards) LIMIT 10
    """).fetchall()
    assert wrong == []
