"""Credit by the paths of all users and what coupons caused, of whole replays, against definitions written apart."""

import random
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from credits_oracle import book_credits
from paths_oracle import path_credits
from running import differing, replayed, results, tables_of
from shoppers import DAY_MS, HOLDOUTS, T0, shopping, written

from runners.embedded_redis import open_redis
from schemas.keys import unpack
from schemas.metrics import PATH_MODELS

ZONE = "Asia/Shanghai"
LATE = {"batch_rows": 97, "allowed_lateness_ms": 3_600_000, "max_out_of_orderness_ms": 1000}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shopping")
    results(folder / "home", written(shopping(300, seed=11), folder / "events.jsonl"))
    return folder


@pytest.fixture(scope="module")
def store(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with tables_of(home / "home" / "export") as found:
        found.execute(
            f"CREATE TABLE events AS FROM read_json('{home / 'events.jsonl'}', format = 'newline_delimited')"
        )
        book_credits(found)
        yield found


def test_every_line_gives_by_the_weights_of_its_own_day(store: duckdb.DuckDBPyConnection) -> None:
    ours = {
        tuple(key): credit
        for *key, credit in store.execute(
            "SELECT order_id, item_id, model, touch_event_id, credit_minor FROM credits WHERE model IN ('markov', 'shapley')"
        ).fetchall()
    }
    theirs = path_credits(store, ZONE)
    assert len({model for _, _, model, _ in theirs}) == len(PATH_MODELS)
    assert ours == theirs


def test_line_credits_sum_to_what_is_published_of_channels(store: duckdb.DuckDBPyConnection) -> None:
    """Lines are derived by readers from touches and weights, channels are summed up by the pipeline."""
    wrong = store.execute("""
        WITH lines AS (
            SELECT model, attribution_window, channel, id, sum(credit_minor)::BIGINT AS credit,
                   sum(if(direct, credit_minor, 0))::BIGINT AS direct FROM credits GROUP BY ALL
        ), channels AS (
            SELECT model, attribution_window, channel, id, credit_minor, direct_credit_minor
            FROM attribution WHERE "window" = 'total' AND credit_minor <> 0
        )
        (FROM lines EXCEPT ALL FROM channels) UNION ALL (FROM channels EXCEPT ALL FROM lines)
    """).fetchall()
    assert wrong == []


def test_lifts_are_differences_of_means_over_a_coupons_life_and_a_day(
    store: duckdb.DuckDBPyConnection,
) -> None:
    truth = {}
    for coupon, end_ms in (("c1", T0 + 2 * DAY_MS), ("c2", T0 + DAY_MS + 3_600_000)):
        truth[coupon] = store.execute(
            f"""
            WITH firsts AS (
                SELECT user_id, min(event_time) AS first_ms, arg_min(coalesce(holdout, false),
                       struct_pack(t := event_time, g := NOT coalesce(holdout, false))) AS kept_out
                FROM events WHERE coupon_id = '{coupon}' AND event_type IN ('view', 'click') GROUP BY user_id
            ), arms AS (
                SELECT user_id, kept_out, coalesce(sum(net), 0)::BIGINT AS net
                FROM firsts LEFT JOIN true_lines AS l
                  ON l.user_id = firsts.user_id AND pay_ms BETWEEN first_ms AND {end_ms + DAY_MS}
                WHERE first_ms <= {end_ms} GROUP BY ALL
            )
            SELECT count(*) FILTER (NOT kept_out), count(*) FILTER (kept_out),
                   round(avg(net) FILTER (NOT kept_out) - avg(net) FILTER (kept_out), 2)
            FROM arms
        """.replace("SELECT user_id, kept_out, coalesce", "SELECT firsts.user_id, kept_out, coalesce")
        ).fetchall()[0]
    ours = {
        row[0]: row[1:]
        for row in store.execute(
            "SELECT coupon_id, exposed, held_out, round(lift_minor_per_user, 2) FROM incrementality"
        ).fetchall()
    }
    assert ours == truth
    assert ours.keys() == {coupon for coupon, share in HOLDOUTS.items() if share}


def test_what_was_attributed_stands_beside(store: duckdb.DuckDBPyConnection) -> None:
    wrong = store.execute("""
        SELECT coupon_id FROM incrementality JOIN attribution AS a ON a.channel = 'coupon' AND a.id = coupon_id
        WHERE a.model = 'last_touch' AND a."window" = 'total' AND (attributed_minor <> credit_minor
            OR incrementality.cost_minor <> 9000
            OR round(incremental_roi, 6) <> round(lift_minor_per_user * exposed / 9000, 6)
                AND abs(incremental_roi * 9000 - lift_minor_per_user * exposed) > 0.01 * exposed)
    """).fetchall()
    assert wrong == []


@pytest.mark.parametrize("seed", [1, 2])
def test_any_order_within_the_lateness_gives_the_same_files(seed: int, home: Path, tmp_path: Path) -> None:
    draw, rows = random.Random(seed), shopping(300, seed=11)
    rows.sort(key=lambda row: row["event_time"] + draw.randrange(3_600_000))
    out = results(
        tmp_path / "home",
        written(rows, tmp_path / "late.jsonl"),
        settings={**LATE, "solve_every_ms": 1 + seed},
    )
    assert differing(out, home / "home" / "export") == []


def test_refunds_in_any_order_leave_nothing(tmp_path: Path) -> None:
    draw = random.Random(3)
    rows = [row for row in shopping(120, seed=12) if row.get("order_status") != "refunded"]
    for row in [row for row in rows if row.get("order_status") == "paid"]:
        first = draw.randrange(row["amount_minor"] + 1)
        for part, amount in enumerate((first, row["amount_minor"] - first)):
            back = {
                "event_id": f"{row['event_id']}-{part}",
                "order_status": "refunded",
                "amount_minor": amount,
            }
            if not amount:
                continue
            rows.append(row | back | {"event_time": row["event_time"] + draw.randrange(6 * DAY_MS)})
    rows.sort(key=lambda row: row["event_time"] + draw.randrange(3_600_000))
    replayed(tmp_path / "home", written(rows, tmp_path / "events.jsonl"), settings=LATE)
    with open_redis(None, tmp_path / "home") as held:
        keys = [key for kind in "an" for key in held.client.scan_iter(f"is:{{{kind}:*")]
        assert {key.split(b":")[2] for key in keys} >= {model.encode() for model in PATH_MODELS}
        cells = [unpack(value)[1] for key in keys for value in held.client.hgetall(key).values()]
        assert not any(any(cell) for cell in cells)
