"""Partial sums of a batch against a count of its events, one after another."""

from collections import Counter

from hypothesis import given, settings
from metric_law import Row, batch_of, events, partials_by_cell, sums_of, touches_of_channel

from schemas.metrics import SCOPES
from transforms.attribution.owners import Owners
from transforms.attribution.touches import touches_of
from transforms.event_view import EventView
from transforms.metrics.partials import event_partials, touch_partials


@settings(max_examples=150, deadline=None)
@given(events())
def test_partial_sums_are_the_count_of_the_events(rows: list[Row]) -> None:
    assert partials_by_cell(event_partials(EventView(batch_of(rows)))) == sums_of(rows)


@settings(max_examples=100, deadline=None)
@given(events())
def test_touches_are_counted_by_the_channel_that_paid_for_them(rows: list[Row]) -> None:
    told = touch_partials(touches_of(EventView(batch_of(rows)), {}, Owners()))
    cells = zip(*(told[name].to_pylist() for name in ("group", "id", "minute")), strict=True)
    counts = dict(zip(cells, (adds for (adds,) in told["t"].to_pylist()), strict=True))
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
    for (scope, _, minute), counts in partials_by_cell(event_partials(EventView(batch_of(rows)))).items():
        for name, number in counts.items():
            sums[scope][minute, name] += number
    assert all(of_scope == sums[0] for of_scope in sums.values())


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
    assert partials_by_cell(event_partials(EventView(part))) == sums_of(rows[3:5])
