"""Base and fact channel of what happened in sessions: any order of arrival, any pieces, the same sums."""

import pickle
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_law import DIMENSIONS, Row, batch_of, ids_of, sums_of

from schemas.metrics import EVENT_TIME_COUNTS, SCOPES
from transforms.event_view import EventView
from transforms.metrics.broadcasts import Broadcasts
from transforms.metrics.partials import event_partials
from transforms.metrics.session_facts import facts_of

T0 = 1_767_225_600_000
HOUR = 3_600_000
MINUTE = 60_000
DECIDED = {"base": "base_id", "fact_channel": "campaign_id"}


@st.composite
def _rows(draw: st.DrawFn) -> list[Row]:
    """Views and live events of two sessions, around where what is said begins to hold, an hour before."""
    rows: list[Row] = []
    for number in range(draw(st.integers(1, 14))):
        kind = draw(st.sampled_from(["view", "view", "live"]))
        row: Row = {
            "event_id": f"e{number}", "event_type": kind, "session_id": draw(st.sampled_from(["s1", "s2", None])),
            "event_time": T0 + draw(st.integers(-3, 3)) * 40_000 + (HOUR if kind == "live" else 0),
            "creator_id": draw(st.sampled_from([None, "k1", "店", "x"])),
        }  # fmt: skip
        if kind == "live":
            row |= {
                "campaign_id": draw(st.sampled_from([None, "g"])),
                "base_id": draw(st.sampled_from([None, "b8", "b9"])),
            }
        rows.append(row)
    return rows


def _decided(rows: list[Row]) -> Counter[tuple[str, str, int]]:
    """How many views there are by base and by fact channel in each minute."""
    views: Counter[tuple[str, str, int]] = Counter()
    for row in rows:
        if row["event_type"] == "view":
            for scope, field in DECIDED.items():
                said = _said(rows, row, field)
                name = ids_of(row)[scope] if said is None else "campaign" if scope == "fact_channel" else said
                views[scope, name, row["event_time"] // MINUTE] += 1
    return views


def _said(rows: list[Row], event: Row, field: str) -> str | None:
    lives = [row for row in rows if row["event_type"] == "live" and row.get(field) is not None]
    told = [
        row for row in lives if row["session_id"] is not None and row["session_id"] == event["session_id"]
    ]
    first = min(told, key=lambda row: (row["event_time"], row["event_id"]), default=None)
    if first is None or event["event_time"] // MINUTE < (first["event_time"] - HOUR) // MINUTE:
        return None
    return str(first[field])


class Told:
    """Sums what comes out, and holds the book, which may be written down and read back."""

    def __init__(self) -> None:
        self.book, self.views = Broadcasts(HOUR), Counter[tuple[str, str, int]]()

    def take(self, rows: list[Row]) -> None:
        view = EventView(batch_of(rows))
        sums = event_partials(view, DIMENSIONS)
        moved = self.book.learn(facts_of(view))
        booked = self.book.book(sums.hidden)[1] if sums.hidden.num_rows else []
        told = [
            *(part.rows for each in moved for part in (each.left, each.joined)),
            *(each.rows for each in booked),
        ]
        for batch in [sums.visible, *told]:
            self._add(batch)

    def forget(self, watermark_ms: int) -> None:
        settled = self.book.settled(watermark_ms)
        self.book.keep(np.setdiff1d(np.arange(len(self.book)), settled))

    def _add(self, batch: pa.RecordBatch) -> None:
        for row in batch.to_pylist():
            if (scope := SCOPES[row["group"]]) in DECIDED:
                self.views[scope, row["id"], row["minute"]] += row["e"][EVENT_TIME_COUNTS.index("views")]

    def restart(self) -> None:
        state: Any = pickle.loads(pickle.dumps(self.book.state()))
        self.book = Broadcasts(HOUR)
        self.book.load(state)


@settings(max_examples=100, deadline=None)
@given(_rows(), st.integers(0, 2**32), st.integers(0, 13))
def test_whatever_the_order_of_arrival_each_view_is_where_its_session_says(
    rows: list[Row], seed: int, stop: int
) -> None:
    at_once, one_by_one = Told(), Told()
    at_once.take(rows)
    assert +at_once.views == _decided(rows)
    for number, place in enumerate(np.random.default_rng(seed).permutation(len(rows)).tolist()):
        one_by_one.take([rows[place]])
        if number == stop:
            one_by_one.restart()
    assert +one_by_one.views == _decided(rows)
    assert all(count >= 0 for count in one_by_one.views.values())


def test_only_what_may_still_move_is_remembered() -> None:
    told = Told()
    rows = [
        {
            "event_id": f"e{n}",
            "event_type": "view",
            "session_id": f"s{n}",
            "event_time": T0 + n % 180 * MINUTE,
        }
        for n in range(3000)
    ]
    told.take(rows)
    assert len(told.book) == len({(row["session_id"], row["event_time"] // MINUTE) for row in rows})
    told.forget(T0 + 180 * MINUTE)
    oldest = (T0 + 180 * MINUTE - 2 * HOUR) // MINUTE - 1
    assert len(told.book) == sum(row["event_time"] // MINUTE >= oldest for row in rows)
    late = {
        "event_id": "l",
        "event_type": "live",
        "session_id": "s179",
        "event_time": T0 + 120 * MINUTE,
        "base_id": "b8",
    }
    told.take([late])
    assert told.views["base", "b8", T0 // MINUTE + 179] == 1
    assert +told.views == _decided([*rows, late])


def test_the_law_of_all_scopes_is_that_of_events_outside_sessions() -> None:
    rows = [{"event_id": "e", "event_type": "view", "event_time": T0, "creator_id": "店"}]
    told = Told()
    told.take(rows)
    assert sum(told.views.values()) == len(DECIDED)
    assert {cell[0] for cell in sums_of(rows)} == set(range(len(SCOPES)))
