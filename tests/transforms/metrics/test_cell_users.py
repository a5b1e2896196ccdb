"""Distinct users of cells against sets of user ids, through publishing, freezing, eviction and restoring."""

import pickle
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_law import Row, batch_of, events, partials_by_cell, sums_of, users_of
from test_windows import day_start

from schemas.keys import unpack
from schemas.metrics import EVENT_TIME_COUNTS, SCOPES, UNIQUES
from transforms.event_view import EventView
from transforms.metrics import cells as cells_module
from transforms.metrics.cell_users import CellUsers
from transforms.metrics.cells import CellTable
from transforms.metrics.partials import partials_and_users
from transforms.pieces import Piece, PieceCoder, Progress

ZONE = "Asia/Kolkata"
LATENESS_MS = 90 * 60_000
WIDTH = len(EVENT_TIME_COUNTS) + len(UNIQUES)

Key = tuple[int, str, str, int]
"""Group, id, window, start in UTC milliseconds, -1 for all time."""
Sizes = dict[Key, dict[str, int]]
VERSION = bytes(20)


def expected(rows: Iterable[Row]) -> Sizes:
    """Every window's distinct users, zeros left out; those online only by the minute."""
    held: dict[Key, dict[str, set[str]]] = {}
    for (group, name, minute), roles in users_of(rows).items():
        starts = {
            "minute": minute,
            "hour": minute - minute % 60,
            "day": day_start(minute, ZoneInfo(ZONE)),
        }
        windows = {window: start * 60_000 for window, start in starts.items()} | {"total": -1}
        for window, start_ms in windows.items():
            for role, users in roles.items():
                if role != "online_users" or window == "minute":
                    cell = held.setdefault((group, name, window, start_ms), {})
                    cell.setdefault(role, set()).update(users)
    return {key: {role: len(users) for role, users in roles.items()} for key, roles in held.items()}


class Figures:
    """A table, and what its last write to every cell says of users."""

    def __init__(self) -> None:
        self.table = self.new()
        self.values: dict[Key, list[int]] = {}

    @staticmethod
    def new() -> CellTable:
        return CellTable("e", WIDTH, timezone=ZONE, horizon_ms=LATENESS_MS, users=CellUsers())

    def take(self, rows: list[Row]) -> None:
        """Absorb events as a step does: sums, and right behind them their users, off a wire."""
        batches = partials_and_users(EventView(batch_of(rows)))
        sums, users = PieceCoder().decode(PieceCoder().encode(Piece(Progress(0, 1, 1, 0), batches))).batches
        self.table.add_users(users, self.table.merge(sums))

    def publish(self) -> None:
        for change in self.table.take_dirty(VERSION):
            for field, value in zip(change.fields, change.values, strict=True):
                self.values[change.group, field.decode(), change.window, change.start_ms] = unpack(value)[1]

    def pass_time(self, watermark_ms: int) -> None:
        list(self.table.evict(watermark_ms, VERSION))

    def restore(self) -> None:
        state = pickle.loads(pickle.dumps(self.table.state()))
        self.table = self.new()
        self.table.load(state)

    def users(self) -> Sizes:
        told = {
            key: zip(UNIQUES, numbers[-len(UNIQUES) :], strict=True) for key, numbers in self.values.items()
        }
        sizes = {key: {role: size for role, size in roles if size} for key, roles in told.items()}
        return {key: roles for key, roles in sizes.items() if roles}


def figures_of(rows: list[Row]) -> Sizes:
    figures = Figures()
    figures.take(rows)
    figures.publish()
    return figures.users()


@settings(max_examples=150, deadline=None)
@given(events())
def test_users_are_counted_once_a_cell(rows: list[Row]) -> None:
    assert figures_of(rows) == expected(rows)


@settings(max_examples=60, deadline=None)
@given(events())
def test_sums_with_users_are_the_sums_alone_and_rows_of_zeros_for_sessions(rows: list[Row]) -> None:
    told = partials_by_cell(partials_and_users(EventView(batch_of(rows)))[0])
    idle = {cell for cell, counts in told.items() if not counts}
    assert {cell: counts for cell, counts in told.items() if counts} == sums_of(rows)
    assert {SCOPES[group] for group, _, _ in idle} <= {"session"}


@settings(max_examples=60, deadline=None)
@given(events(), st.lists(st.integers(0, 30), max_size=4), st.randoms(use_true_random=False))
def test_neither_order_nor_batches_nor_restoring_nor_freezing_matter(
    rows: list[Row], cuts: list[int], random
) -> None:
    """The watermark is ahead of everything, so what is published is frozen at once; nothing is dropped yet."""
    shuffled = random.sample(rows, len(rows))
    figures, ends = Figures(), sorted({*cuts, len(rows)})
    for begin, end in zip([0, *ends], ends, strict=False):
        figures.take(shuffled[begin:end])
        if random.random() < 0.5:
            figures.publish()
            figures.pass_time(10**13)
        if random.random() < 0.3:
            figures.restore()
    figures.publish()
    assert figures.users() == expected(rows)


_RISES = st.lists(st.tuples(st.integers(0, 3_000_000), events(most=8), st.booleans()), max_size=12)


@settings(max_examples=80, deadline=None)
@given(_RISES)
def test_eviction_loses_no_user_of_a_cell_that_can_still_change(steps: list) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells_module, "_EVICT_LEAST", 2)
        figures, everything, watermark_ms = Figures(), list[Row](), 1_767_225_600_000
        for rise, rows, published in steps:
            for row in rows:
                row["event_time"] = watermark_ms - row["event_time"] % LATENESS_MS
            figures.take(rows)
            everything += rows
            watermark_ms += rise
            if published:
                figures.publish()
            figures.pass_time(watermark_ms)
        figures.publish()
        assert figures.users() == expected(everything)


def test_a_crowd_is_estimated_and_counted_exactly_where_it_is_small() -> None:
    """30,000 viewers of 40 rooms: the platform's are estimated, a room's 750 are exact."""
    rows = [
        {
            "event_id": f"{n}", "event_type": "view", "event_time": 1_767_225_600_000 + n % 7 * 60_000,
            "user_id": f"u{n}", "room_id": f"r{n % 40}", "session_id": f"s{n % 40}",
        }
        for n in range(30_000)
    ]  # fmt: skip
    counted, told = expected(rows), figures_of(rows)
    assert counted.keys() == told.keys()
    exact = {key: roles for key, roles in counted.items() if max(roles.values()) < 1000}
    assert {key: told[key] for key in exact} == exact
    assert len(exact) < len(counted)
    for key, roles in counted.items():
        for role, size in roles.items():
            assert abs(told[key][role] / size - 1) < 0.05


_HIDDEN = 4
_SHOWN = 2
_MOVE = st.tuples(st.integers(0, _HIDDEN - 1), st.integers(0, _SHOWN - 1))
_SEEN = st.tuples(st.integers(0, _HIDDEN - 1), st.integers(1, 3), st.integers(1, 12))
"""A hidden cell, a role, a user."""


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(_SEEN, _MOVE, st.integers(0, _HIDDEN - 1)), max_size=25),
    st.integers(0, 1),
    st.booleans(),
)
def test_users_move_with_the_hidden_cells_that_they_were_seen_in(
    steps: list, first: int, restored: bool
) -> None:
    """Each hidden cell belongs to one shown cell at a time; one that settles stays, and its users with it.

    Cells 0 and 1 are shown, the others hidden. A number alone settles a hidden cell, after which it hears nothing.
    """
    users, values = CellUsers(), np.zeros((_SHOWN + _HIDDEN, WIDTH), np.int64)
    users.reserve(_SHOWN + _HIDDEN)
    home, settled = dict.fromkeys(range(_HIDDEN), first), set[int]()
    seen: dict[int, set[tuple[int, int]]] = {number: set() for number in range(_HIDDEN)}
    for step in steps:
        number = step if isinstance(step, int) else step[0]
        if number in settled:
            continue
        hidden = _SHOWN + number
        if isinstance(step, int):
            settled.add(number)
            users.settle([home[number]], hidden)
        elif len(step) == 3:
            seen[number].add(step[1:])
            for row in (hidden, home[number]):
                users.add(_shown(*step[1:]), np.full((1, 4), row, np.int32), values)
        else:
            before, home[number] = home[number], step[1]
            users.join(home[number], hidden, values)
            here = [_SHOWN + n for n in range(_HIDDEN) if home[n] == before and n not in settled]
            users.rebuild(before, here, values)
        if restored:
            state, users = pickle.loads(pickle.dumps(users.state(_SHOWN + _HIDDEN))), CellUsers()
            users.load(state)
    users.estimate(np.arange(_SHOWN, dtype=np.int32), values)
    for shown in range(_SHOWN):
        members = set().union(*(seen[n] for n in range(_HIDDEN) if home[n] == shown))
        sizes = [len({user for role, user in members if role == wanted}) for wanted in (1, 2, 3)]
        assert values[shown, len(EVENT_TIME_COUNTS) :].tolist() == [*sizes, 0]


def _shown(role: int, user: int) -> pa.RecordBatch:
    """Return one user, in the only row of sums of the scope of platforms."""
    rows = pa.FixedSizeListArray.from_arrays(
        pa.array([0, *[-1] * (len(SCOPES) - 1)], pa.int32()), len(SCOPES)
    )
    columns = [pa.array([user], pa.uint64()), pa.array([role], pa.int8()), rows]
    return pa.RecordBatch.from_arrays(columns, names=["user", "role", "u"])
