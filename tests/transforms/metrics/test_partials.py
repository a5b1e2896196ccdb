"""Partial sums of a batch against a count of its events, one after another."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from metric_law import (
    DIMENSIONS,
    Row,
    batch_of,
    cells_of,
    counts_of,
    events,
    partials_by_cell,
    sums_of,
    touches_of_channel,
)

from schemas.dimensions import DIMENSIONS as SCHEMAS
from schemas.metrics import SCOPES, published_scopes
from transforms.attribution.touches import touches_of
from transforms.dimensions import DimensionRows
from transforms.event_view import EventView
from transforms.metrics.partials import event_partials, touch_partials
from transforms.state.hashing import hash_strings


@settings(max_examples=150, deadline=None)
@given(events())
def test_partial_sums_are_the_count_of_the_events(rows: list[Row]) -> None:
    assert partials_by_cell(event_partials(EventView(batch_of(rows)), DIMENSIONS)) == sums_of(rows)


@settings(max_examples=100, deadline=None)
@given(events())
def test_touches_are_counted_by_the_channel_that_paid_for_them(rows: list[Row]) -> None:
    told, reached = touch_partials(touches_of(EventView(batch_of(rows)), DIMENSIONS))
    cells = zip(*(told[name].to_pylist() for name in ("group", "id", "minute")), strict=True)
    counts = dict(zip(cells, (adds for (adds,) in told["t"].to_pylist()), strict=True))
    assert Counter(row for rows in reached["r"].to_pylist() for row in rows) == dict(
        enumerate(count for (count,) in told["t"].to_pylist())
    )
    own = {(name, minute): count for (further, name, minute), count in counts.items() if not further}
    assert own == touches_of_channel(rows)
    creators = Counter[tuple[str, int]]()
    for row in rows:
        for (_, minute), count in touches_of_channel([row]).items():
            creators[f"creator\x1f{row.get('creator_id') or 'none'}", minute] += count
    assert creators == {
        (name, minute): count for (_, name, minute), count in counts.items() if name.startswith("creator\x1f")
    }


@settings(max_examples=60, deadline=None)
@given(events())
def test_every_scope_sums_to_the_platform(rows: list[Row]) -> None:
    """Nothing is lost to a missing id: what has none is counted under `none`."""
    sums: dict[int, Counter[tuple[int, str]]] = {number: Counter() for number in range(len(SCOPES))}
    for (scope, _, minute), counts in partials_by_cell(
        event_partials(EventView(batch_of(rows)), DIMENSIONS)
    ).items():
        for name, number in counts.items():
            sums[scope][minute, name] += number
    assert all(of_scope == sums[0] for of_scope in sums.values())


@settings(max_examples=100, deadline=None)
@given(events())
def test_each_event_is_told_its_row_in_every_scope(rows: list[Row]) -> None:
    """Those that count somewhere have a row everywhere, the others one of their session if they show a user."""
    sums = event_partials(EventView(batch_of(rows)), DIMENSIONS, want_cells=True)
    assert sums.cells is not None
    assert sums.cells.shape == (len(SCOPES), len(rows))
    told = list(zip(*(sums.visible[name].to_pylist() for name in ("group", "id", "minute")), strict=True))
    hidden = sums.hidden.to_pylist()
    for event, row in enumerate(rows):
        counts = any(counts_of(row).values())
        for (scope, name, minute), place in zip(cells_of(row), sums.cells[:, event].tolist(), strict=True):
            if place < 0:
                assert not counts
                assert SCOPES[scope] != "session" or row.get("user_id") is None
            elif place < len(told):
                assert told[place] == (scope, name, minute)
            else:
                found = hidden[place - len(told)]
                assert (found[{"base": "base", "fact_channel": "fact"}[SCOPES[scope]]], found["minute"]) == (
                    name,
                    minute,
                )
                assert found["session"] == hash_strings([row["session_id"]])[0]
    cells = partials_by_cell(sums)
    assert {cell: counts for cell, counts in cells.items() if counts} == sums_of(rows)
    assert {SCOPES[cell[0]] for cell, counts in cells.items() if not counts} <= {"session"}


@settings(max_examples=30, deadline=None)
@given(events(), st.sets(st.sampled_from(["items", "creators", "merchants"])))
def test_scopes_without_their_dimension_are_left_out(rows: list[Row], given: set[str]) -> None:
    tables = {name: getattr(DIMENSIONS, name).table for name in sorted(given - {"merchants"})}
    if "merchants" in given:
        tables["merchants"] = SCHEMAS["merchants"].empty_table()
    sums = event_partials(EventView(batch_of(rows)), DimensionRows(tables))
    named = {SCOPES[group] for group in sums.visible["group"].to_pylist()}
    assert named <= set(published_scopes(given))
    assert sums.hidden["base"].null_count == (0 if "creators" in given else sums.hidden.num_rows)


def test_a_slice_of_a_batch_is_counted_as_its_own_rows() -> None:
    """Arrow slices share their buffers with the whole: an offset overlooked would count other rows."""
    rows = [
        {
            "event_id": f"{n}",
            "event_type": "view",
            "event_time": n * 60_000,
            "room_id": f"r{n}",
            "dwell_ms": n,
        }
        for n in range(1, 9)
    ]
    part = batch_of(rows).slice(3, 2)
    assert partials_by_cell(event_partials(EventView(part), DIMENSIONS)) == sums_of(rows[3:5])
