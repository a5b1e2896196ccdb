"""Simulated events keep the contract, are the same in every format, and are imperfect to the asked degree."""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from simulated_folders import SMALL

from schemas.gate import compile_gate
from transforms.io.folder import FolderReader
from transforms.io.simulation import Scenario, simulate

SHORT: dict[str, Any] = {"rooms": 5, "users": 800, "items": 120, "events": 6_000, "seed": 3}


def read(folder: Path) -> tuple[pa.Table, list[str]]:
    """Read all events as the pipeline does, and the reasons why others could not be read."""
    reader = FolderReader((folder,), {}, 1 << 20, 65_536)
    batches, refused = [], []
    while not reader.finished:
        block = reader.read()
        if block is not None:
            batches.append(block.decoded.events)
            refused += block.decoded.refused["reason"].to_pylist()
    reader.close()
    return pa.Table.from_batches(batches), refused


def verdicts(events: pa.Table) -> list[str]:
    gate = compile_gate()
    [batch] = events.combine_chunks().to_batches()
    return [gate.rules[verdict - 1].reason for verdict in gate.verdicts(batch) if verdict]


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    folder = tmp_path_factory.mktemp("short") / "lines"
    simulate(Scenario(**SHORT), folder)
    events, refused = read(folder)
    assert refused == []
    return events


def test_every_event_keeps_the_contract(simulated: Path) -> None:
    events, refused = read(simulated)
    assert refused == verdicts(events) == []
    assert events.num_rows == pytest.approx(SMALL["events"], rel=0.1)


@pytest.mark.parametrize("form", ["parquet", "ipc"])
def test_every_format_holds_the_same_events(form: str, short: pa.Table, tmp_path: Path) -> None:
    simulate(Scenario(**SHORT, format=form), tmp_path / form)
    events, _ = read(tmp_path / form)
    for name in short.schema.names:
        assert events[name].combine_chunks().equals(short[name].combine_chunks()), name


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_broken_events_are_refused_and_the_sound_ones_stay(
    form: str, short: pa.Table, tmp_path: Path
) -> None:
    simulate(Scenario(**SHORT, broken=0.2, format=form), tmp_path / "broken")
    events, unread = read(tmp_path / "broken")
    gate = compile_gate()
    [batch] = events.combine_chunks().to_batches()
    kept = events.filter(pa.array(np.asarray(gate.verdicts(batch)) == 0))
    reasons = set(verdicts(events)) | set(unread)
    malformed = "malformed_json" if form == "jsonl" else "missing_event_type"
    assert {malformed, "missing_user_id", "foreign_currency"} == reasons
    bodies = kept.group_by("event_id").aggregate(
        [("amount_minor", "count_distinct"), ("dwell_ms", "count_distinct")]
    )
    conflicting = pc.sum(pc.greater(pc.add(bodies[1], bodies[2]), 1)).as_py()
    assert conflicting > 0
    assert set(kept["event_id"].to_pylist()) == set(short["event_id"].to_pylist())
    damaged = len(unread) + len(verdicts(events)) + kept.num_rows - short.num_rows
    assert damaged == pytest.approx(0.2 * short.num_rows, rel=0.1)


def test_a_conflicting_duplicate_comes_after_the_sound_event(tmp_path: Path) -> None:
    simulate(Scenario(**SHORT, broken=0.3), tmp_path / "broken")
    simulate(Scenario(**SHORT), tmp_path / "sound")
    first: dict[str, Any] = {}
    for row in read(tmp_path / "broken")[0].select(["event_id", "amount_minor", "dwell_ms"]).to_pylist():
        first.setdefault(row["event_id"], row)
    for row in read(tmp_path / "sound")[0].select(["event_id", "amount_minor", "dwell_ms"]).to_pylist():
        assert first[row["event_id"]] == row


def test_events_come_late_within_the_lateness_and_twice(store: duckdb.DuckDBPyConnection) -> None:
    ((count, late, very_late, latest_ms),) = store.sql("""
        SELECT count(*), count(*) FILTER (behind > 2000), count(*) FILTER (behind > 30000), max(behind) FROM (
            SELECT max(event_time) OVER (PARTITION BY filename ORDER BY place) - event_time AS behind FROM arrivals
        )
    """).fetchall()
    assert 0.01 < late / count < 0.03
    assert 0.0005 < very_late / count < 0.004
    assert latest_ms < 3_600_000
    ((again,),) = store.sql("SELECT count(*) - count(DISTINCT event_id) FROM arrivals").fetchall()
    assert again / count == pytest.approx(0.01, rel=0.2)


def test_without_imperfections_nothing_is_late_or_twice(tmp_path: Path) -> None:
    simulate(Scenario(**SHORT, late=0, duplicates=0), tmp_path / "clean")
    events, _ = read(tmp_path / "clean")
    times = events["event_time"].to_numpy().astype(np.int64)
    assert len(set(events["event_id"].to_pylist())) == events.num_rows
    assert (np.maximum.accumulate(times) - times).max() < 1_000


def test_every_id_says_that_it_is_synthetic(short: pa.Table) -> None:
    ids = [name for name in short.schema.names if name.endswith("_id")]
    assert len(ids) > 10
    for name in ids:
        assert all(value.startswith("sim-") for value in short[name].drop_null().to_pylist()), name


def test_rooms_shelves_and_all_kinds_of_event_occur(store: duckdb.DuckDBPyConnection) -> None:
    found = store.sql("""
        SELECT DISTINCT event_type || ' ' || coalesce(order_status, coupon_status, live_status,
            CASE WHEN holdout THEN 'ghost' WHEN room_id IS NULL THEN 'outside' ELSE '' END) FROM events
    """).fetchall()
    kinds = {kind.strip() for (kind,) in found}
    orders = {
        f"order {status}" for status in ("placed", "paid", "shipped", "delivered", "cancelled", "refunded")
    }
    coupons = {f"coupon {status}" for status in ("granted", "activated", "exhausted", "expired")}
    others = {
        "view",
        "view ghost",
        "view outside",
        "click",
        "click outside",
        "follow",
        "live started",
        "live ended",
    }
    assert kinds == orders | coupons | others
