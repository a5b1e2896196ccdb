"""The exported files against what was written into Redis, with DuckDB as the second opinion."""

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published import Writer

from schemas.attribution import CLICKED, PAID, SAME_SESSION
from schemas.errors import StoreError, UsageError
from schemas.metrics import EVENT_TIME_COUNTS, METRICS, MODELS, SCOPES, UNIQUES
from schemas.outputs import EXPORTS
from schemas.records import CouponRecord, CreditRecord, DeadLetterRecord, IncrementalityRecord
from serving.export import export

HOUR = 3_600_000
SPANS = [("minute", 0), ("minute", 60_000), ("hour", 0), ("hour", HOUR), ("day", -8 * HOUR), ("total", -1)]
IDS = ["a", "b", "ab", "é", "商品", "none", "a b", "A"]

STORED = (*EVENT_TIME_COUNTS, *UNIQUES)
QUOTIENTS = {
    "ctr": ("clicks", "impressions", 1), "click_to_paid": ("orders_paid", "clicks", 1),
    "view_conversion": ("buyers", "viewers", 1), "gpm_views_minor": ("gmv_paid_minor", "views", 1000),
    "gpm_viewers_minor": ("gmv_paid_minor", "viewers", 1000), "uv_value_minor": ("gmv_paid_minor", "viewers", 1),
    "aov_minor": ("gmv_paid_minor", "orders_paid", 1), "mean_dwell_ms": ("dwell_ms", "views", 1),
    "refund_rate": ("refunds_by_order_time_minor", "gmv_paid_minor", 1),
    "new_customer_share": ("new_customer_gmv_minor", "gmv_paid_minor", 1),
    "new_product_share": ("new_product_gmv_minor", "gmv_paid_minor", 1),
    "premium_share": ("premium_gmv_minor", "gmv_paid_minor", 1),
}  # fmt: skip
"""Dividend, divisor and factor of every ratio."""

Cell = tuple[str, tuple[str, int], str]
Layers = tuple[list[int] | None, list[int] | None]


def cells() -> st.SearchStrategy[dict[Cell, Layers]]:
    names = st.tuples(st.sampled_from(SCOPES), st.sampled_from(SPANS), st.sampled_from(IDS))
    counts = st.lists(
        st.sampled_from([0, 0, 1, 2, 7, 2**53, 2**53 + 1, 2**60]), min_size=1, max_size=len(STORED)
    )
    return st.dictionaries(names, st.tuples(st.none() | counts, st.none() | st.just([5])), max_size=40)


def write_cells(writer: Writer, written: dict[Cell, Layers]) -> None:
    for (scope, span, identifier), (by_event, by_order) in written.items():
        if by_event is not None:
            writer.cell("e", scope, span, identifier, by_event)
        if by_order is not None:
            writer.cell("o", scope, span, identifier, by_order)


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def quotients(counts: dict[str, int]) -> dict[str, float | None]:
    """Every ratio by exact fractions, which round once."""
    return {
        name: float(Fraction(counts[over] * factor, counts[under])) if counts[under] else None
        for name, (over, under, factor) in QUOTIENTS.items()
    }


def moment(ms: int) -> datetime | None:
    return None if ms == -1 else datetime.fromtimestamp(ms / 1000, UTC)


def everything(writer: Writer, order: random.Random) -> None:
    """Write some of every kind, in an order of its own."""
    steps: list[Callable[[], None]] = [
        lambda: writer.cell("o", "room", ("total", -1), "a", [7]),
        lambda: writer.credit("linear", ("day", 0), ("coupon", "c"), [100, 500_000]),
        lambda: writer.credit("last_touch", ("day", 0), ("coupon", "c"), [200, 1_000_000]),
        lambda: writer.touches(("day", 0), ("coupon", "c"), 3),
        lambda: writer.touches(("day", 0), ("campaign", "z"), 1),
        *(
            partial(writer.moved, span, category, ("known", "interested"), counts)
            for category in IDS
            for span, counts in ((("total", -1), [3, 15]), (("day", -8 * HOUR), [3]))
        ),
        lambda: writer.credit("linear", ("day", 0), ("creator", "c"), [100, 500_000], further=True),
        lambda: writer.touches(("day", 0), ("creator", "d"), 1, further=True),
        lambda: writer.coupon(
            "c", CouponRecord("granted", 9, 3, 0, 4, None, None, None, None, None, None, None)
        ),
        lambda: writer.coupon(
            "d", CouponRecord("unknown", None, 3, 0, None, None, None, None, None, None, None, None)
        ),
        lambda: writer.lift("c", IncrementalityRecord(0.1, 9, 1, 2.5, None, None, 22, 4, 5.5, 30, 0.25)),
        lambda: writer.lift(
            "d", IncrementalityRecord(0.5, 0, 1, None, None, None, None, None, None, 0, None)
        ),
        lambda: writer.feature("u1", 7),
        lambda: writer.feature("u2", 3),
        lambda: writer.unsettled("orphan_refund", "o1", "i1", 50, 1000),
        lambda: writer.unsettled("over_refund", "o1", "i1", 60, 1000),
    ]
    for scope, span, name in product(SCOPES, SPANS, IDS):
        steps.append(partial(writer.cell, "e", scope, span, name, [len(name), 0, 3, 1]))
    for number in range(50):
        record = CreditRecord(1, number, 1, [], [], [], [])
        steps.append(partial(writer.line, f"o{number}", "i", record))
        refused = DeadLetterRecord(None, "rule", "same", bytes([number]), number % 3, None)
        steps.append(partial(writer.refused, "r", f"d{number}", refused))
    order.shuffle(steps)
    for step in steps:
        step()


def test_every_table_is_there_with_its_documented_columns_even_when_nothing_is_published(
    client: redis.Redis, tmp_path: Path
) -> None:
    report = export(client, "is", tmp_path / "out")
    assert report.rows == dict.fromkeys(EXPORTS, 0)
    assert {path.stem for path in (tmp_path / "out").iterdir()} == set(EXPORTS)
    for name, schema in EXPORTS.items():
        assert pq.read_schema(tmp_path / "out" / f"{name}.parquet").equals(schema, check_metadata=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(written=cells())
def test_metrics_are_the_written_cells_without_the_empty_ones(
    writer: Writer, tmp_path: Path, written: dict[Cell, Layers]
) -> None:
    writer.client.flushdb()
    write_cells(writer, written)
    export(writer.client, "is", tmp_path / "out")
    expected = {}
    for (scope, (window, start), identifier), (by_event, by_order) in written.items():
        counts = dict.fromkeys(STORED, 0) | dict(zip(STORED, by_event or [], strict=False))
        counts["refunds_by_order_time_minor"] = by_order[0] if by_order else 0
        if any(counts.values()):
            counts["net_gmv_minor"] = counts["gmv_paid_minor"] - counts["refunds_minor"]
            row: dict[str, float | None] = counts | quotients(counts)
            if (scope, window) != ("session", "minute"):
                row["online_users"] = None
            expected[scope, identifier, window, moment(start)] = row
    found = rows(tmp_path / "out", "metrics")
    keys = [tuple(row.pop(name) for name in ("scope", "id", "window", "window_start")) for row in found]
    assert dict(zip(keys, found, strict=True)) == expected
    assert len(keys) == len(expected)
    texts = [tuple(part.encode() for part in key[:3]) for key in keys]
    assert texts == sorted(texts)


def test_leaderboards_are_what_a_database_ranks(writer: Writer, tmp_path: Path) -> None:
    chance = random.Random(7)
    for scope in ("item", "platform"):
        for span in SPANS:
            for number in range(250):
                counts = [chance.choice([0, 1, 2, 3, 900]) for _ in EVENT_TIME_COUNTS]
                writer.cell("e", scope, span, f"id{number}", counts)
    out = tmp_path / "out"
    export(writer.client, "is", out)
    ranked = duckdb.sql(f"""
        WITH long AS (
            UNPIVOT (FROM '{out}/metrics.parquet' WHERE scope <> 'platform' AND "window" <> 'minute')
            ON {", ".join(METRICS)}
            INTO NAME metric VALUE value
        )
        SELECT scope, metric, "window", epoch_ms(window_start) AS start,
               row_number() OVER (
                   PARTITION BY scope, metric, "window", window_start ORDER BY value DESC, id
               ) AS rank, id, value
        FROM long WHERE value > 0 QUALIFY rank <= 100 ORDER BY ALL
    """).fetchall()
    stored = duckdb.sql(f"""
        SELECT scope, metric, "window", epoch_ms(window_start) AS start, rank, id, value
        FROM '{out}/leaderboards.parquet' ORDER BY ALL
    """).fetchall()
    assert stored == ranked
    assert sum(row[1] == "clicks" for row in stored) == 4 * 100
    order = duckdb.sql(f"SELECT * FROM '{out}/leaderboards.parquet'").fetchall()
    assert order == duckdb.sql(f"SELECT * FROM '{out}/leaderboards.parquet' ORDER BY 1,2,3,4,5").fetchall()


def test_attribution_has_a_row_for_credit_or_touches_under_each_model(writer: Writer, tmp_path: Path) -> None:
    writer.credit("linear", ("total", -1), ("coupon", "c1"), [500, 250_000, 200, 150])
    writer.credit("linear", ("hour", HOUR), ("coupon", "taken-back"), [0, 0, 0])
    writer.touches(("total", -1), ("coupon", "c1"), 3, users=2)
    writer.touches(("hour", HOUR), ("ad_plan", "p1"), 2)
    writer.coupon("c1", CouponRecord("granted", 9, 3, 0, 400, None, None, None, None, None, None, None))
    export(writer.client, "is", tmp_path / "out")
    found = [tuple(row.values()) for row in rows(tmp_path / "out", "attribution")]
    none = (None, 0, 0)
    for model in sorted(MODELS):
        same, (credit, direct) = (model, "click_7d_view_1d"), (500, 200) if model == "linear" else (0, 0)
        orders, per_order = (0.25, 1600.0) if credit else (0.0, None)
        assert found.pop(0) == (
            *same,
            "ad_plan",
            "p1",
            "hour",
            moment(HOUR),
            0,
            0.0,
            2,
            None,
            None,
            0,
            0,
            *none,
        )
        cost = (400, credit / 400, direct, credit - direct, per_order, 2, 150 if credit else 0)
        assert found.pop(0) == (*same, "coupon", "c1", "total", None, credit, orders, 3, *cost)
    assert found == []


def test_further_channels_have_a_table_of_their_own(writer: Writer, tmp_path: Path) -> None:
    writer.credit("linear", ("total", -1), ("creator", "cr1"), [500, 250_000, 200], further=True)
    writer.touches(("total", -1), ("mcn", "direct"), 3, further=True)
    export(writer.client, "is", tmp_path / "out")
    assert rows(tmp_path / "out", "attribution") == []
    found = [row for row in rows(tmp_path / "out", "attribution_further") if row["model"] == "linear"]
    assert [
        (row["channel"], row["id"], row["credit_minor"], row["touches"], row["reached_users"])
        for row in found
    ] == [
        ("creator", "cr1", 500, 0, 0),
        ("mcn", "direct", 0, 3, None),
    ]


def test_credits_say_who_got_what_and_sum_to_each_line(writer: Writer, tmp_path: Path) -> None:
    names = [f"{kind}\x1f{name}" for kind, name in (("coupon", "c9"), ("campaign", "x"), ("coupon", "c9"))]
    touches = (
        ["e1", "e2", "e3"],
        names,
        [1000, 500, 5],
        [CLICKED | PAID, PAID, CLICKED | PAID | SAME_SESSION],
    )
    writer.line("o1", "i1", CreditRecord(5000, 100, 1_000_000, *touches))
    writer.line("o2", "i1", CreditRecord(5000, 0, 0, *touches))
    writer.line("o1", "i2", CreditRecord(5000, 70, 1_000_000, [], [], [], []))
    writer.job(attribution_windows="click_7d_view_1d click_30m")
    export(writer.client, "is", tmp_path / "out")
    found = rows(tmp_path / "out", "credits")
    sums: dict[tuple[str, ...], int] = defaultdict(int)
    for row in found:
        sums[row["order_id"], row["item_id"], row["model"], row["attribution_window"]] += row["credit_minor"]
    lines = {("o1", "i1"): 100, ("o1", "i2"): 70}
    windows = ("click_7d_view_1d", "click_30m")
    assert sums == {
        (*line, model, w): net for line, net in lines.items() for model in MODELS for w in windows
    }
    linear = [
        (row["touch_event_id"], row["credit_minor"], row["touch_type"], row["direct"])
        for row in found
        if row["model"] == "linear" and row["attribution_window"] == "click_7d_view_1d"
    ]
    assert linear == [
        ("e2", 33, "view", False),
        ("e1", 34, "click", False),
        ("e3", 33, "click", True),
        (None, 70, None, None),
    ]
    in_room = [row for row in found if row["attribution_window"] == "click_30m" and row["item_id"] == "i1"]
    assert {(row["touch_event_id"], row["credit_minor"], row["touch_age_ms"]) for row in in_room} == {
        ("e3", 100, 5)
    }


def test_reconciliation_leaves_out_what_was_settled(writer: Writer, tmp_path: Path) -> None:
    writer.unsettled("over_refund", "o2", "i1", 60, 2000)
    writer.unsettled("orphan_refund", "o1", "i1", 50, 1000)
    writer.unsettled("orphan_refund", "o9", "i1", 0, 1000)
    export(writer.client, "is", tmp_path / "out")
    assert [tuple(row.values()) for row in rows(tmp_path / "out", "reconciliation")] == [
        ("orphan_refund", "o1", "i1", 50, moment(1000)),
        ("over_refund", "o2", "i1", 60, moment(2000)),
    ]


def test_incrementality_says_what_each_coupon_caused(writer: Writer, tmp_path: Path) -> None:
    writer.lift("c", IncrementalityRecord(0.1, 900, 100, 2.5, -1.25, 6.25, 2250, 4000, 0.5625, 3000, 0.25))
    export(writer.client, "is", tmp_path / "out")
    (row,) = rows(tmp_path / "out", "incrementality")
    assert tuple(row.values())[:-1] == (
        "c", 0.1, 900, 100, 2.5, -1.25, 6.25, 2250, 4000, 0.5625, 3000, 0.25,
    )  # fmt: skip


def test_dead_letters_keep_their_bytes(writer: Writer, tmp_path: Path) -> None:
    writer.refused("not_json", "d1", DeadLetterRecord(None, "codec.json", "cut off", b'\xff{"', None, None))
    writer.refused("too_late", "d2", DeadLetterRecord("e1", "late", "by 2 h", b"{}", 5, 9))
    export(writer.client, "is", tmp_path / "out")
    assert [tuple(row.values()) for row in rows(tmp_path / "out", "deadletters")] == [
        ("e1", "too_late", "late", "by 2 h", b"{}", moment(5), moment(9)),
        (None, "not_json", "codec.json", "cut off", b'\xff{"', None, None),
    ]


def test_the_same_results_are_the_same_bytes_whatever_order_they_were_written_in(
    client: redis.Redis, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        everything(Writer(client, name), random.Random(name))
        export(client, name, tmp_path / name)
    for table in EXPORTS:
        first, second = ((tmp_path / name / f"{table}.parquet").read_bytes() for name in ("first", "second"))
        assert first == second
        assert pq.read_metadata(tmp_path / "first" / f"{table}.parquet").num_rows > 0


def test_features_are_as_of_the_newest_event_and_zeros_are_absent(writer: Writer, tmp_path: Path) -> None:
    for user, count in (("u2", 3), ("u1", 7), ("u3", 0)):
        writer.feature(user, count)
    export(writer.client, "is", tmp_path / "out")
    assert sorted(tuple(row.values()) for row in rows(tmp_path / "out", "features")) == [
        ("user_id", user, "v", "clicks", "5m", count, None, None, moment(600_000))
        for user, count in (("u1", 7), ("u2", 3))
    ]


def test_an_earlier_export_is_replaced_and_nothing_else_is_left(writer: Writer, tmp_path: Path) -> None:
    writer.cell("e", "room", ("total", -1), "a", [1])
    export(writer.client, "is", tmp_path / "out")
    writer.cell("e", "room", ("total", -1), "b", [1])
    report = export(writer.client, "is", tmp_path / "out")
    assert report.rows["metrics"] == len(rows(tmp_path / "out", "metrics")) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_with_other_files_is_never_replaced(client: redis.Redis, tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("years of work")
    with pytest.raises(UsageError, match=r"thesis\.doc"):
        export(client, "is", tmp_path)
    assert (tmp_path / "thesis.doc").read_text() == "years of work"


def test_a_failed_export_leaves_the_earlier_one_whole(writer: Writer, tmp_path: Path) -> None:
    writer.cell("e", "room", ("total", -1), "a", [1])
    export(writer.client, "is", tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    writer.client.hset("is:{c:0}", "o\x1fi", b"damaged")
    with pytest.raises(StoreError, match="damaged"):
        export(writer.client, "is", tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_progress_and_report_agree(writer: Writer, tmp_path: Path) -> None:
    everything(writer, random.Random(1))
    writer.job(currency="GBP", timezone="UTC")
    writer.progress(as_of_ms=77)
    told: dict[str, int] = {}
    report = export(writer.client, "is", tmp_path / "out", told.__setitem__)
    assert told == report.rows
    assert (report.currency, report.timezone, report.as_of_ms) == ("GBP", "UTC", 77)
