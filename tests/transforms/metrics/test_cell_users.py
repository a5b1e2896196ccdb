"""Distinct users of cells against sets of user ids, through publishing, freezing, eviction and restoring."""

import pickle
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_law import DIMENSIONS, Cell, Row, batch_of, events, users_of
from test_windows import day_start

from schemas.keys import unpack
from schemas.metrics import EVENT_TIME_COUNTS, SCOPES, UNIQUES
from transforms.event_view import EventView
from transforms.metrics import broadcasts
from transforms.metrics import cells as cells_module
from transforms.metrics.cell_users import CellUsers
from transforms.metrics.cells import CellTable
from transforms.metrics.partials import event_partials
from transforms.metrics.session_facts import facts_of
from transforms.metrics.session_sums import MOVED, SessionSums
from transforms.metrics.users import users_batch
from transforms.pieces import Piece, PieceCoder, Progress

ZONE = "Asia/Kolkata"
LATENESS_MS = 90 * 60_000
WIDTH = len(EVENT_TIME_COUNTS) + len(UNIQUES)

Key = tuple[int, str, str, int]
"""Group, id, window, start in UTC milliseconds, -1 for all time."""
Sizes = dict[Key, dict[str, int]]
VERSION = bytes(20)


def resolved(row: Row, live: list[Row]) -> dict[str, str]:
    """What live events say of an event: the earliest that tells of it holds from the lateness before it on."""
    told = {}
    for scope, field in (("base", "base_id"), ("fact_channel", "campaign_id")):
        telling = [
            (one["event_time"], one["event_id"], one[field]) for one in live if one.get(field) is not None
        ]
        if telling and row.get("session_id") == "s1":
            at_ms, _, value = min(telling)
            if row["event_time"] // 60_000 >= (at_ms - LATENESS_MS) // 60_000:
                told[scope] = value if scope == "base" else "campaign"
    return told


def expected(rows: list[Row]) -> Sizes:
    """Every window's distinct users, zeros left out; those online only by the minute."""
    held: dict[Key, dict[str, set[str]]] = {}
    for (group, name, minute), roles in _moved(rows):
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


def _moved(rows: list[Row]) -> Iterator[tuple[Cell, dict[str, set[str]]]]:
    live = [row for row in rows if row["event_type"] == "live" and row.get("session_id") == "s1"]
    for row in rows:
        told = resolved(row, live)
        for (group, name, minute), roles in users_of([row]).items():
            yield (group, told.get(SCOPES[group], name), minute), roles


class Figures:
    """A table, and what its last write to every cell says of users."""

    def __init__(self) -> None:
        self.values: dict[Key, list[int]] = {}
        self.open()

    def open(self) -> None:
        users, longer_ms = CellUsers(), {SCOPES.index(name): 2 * LATENESS_MS + 60_000 for name in MOVED}
        self.table = CellTable("e", WIDTH, ZONE, LATENESS_MS, longer_ms, users)
        self.sessions = SessionSums(LATENESS_MS, self.table, users)

    def take(self, rows: list[Row]) -> None:
        """Absorb events as a step does: facts, sums, and right behind them their users, off a wire."""
        events = EventView(batch_of(rows))
        told = event_partials(events, DIMENSIONS, want_cells=True)
        assert told.cells is not None
        batches = (facts_of(events), told.visible, told.hidden, users_batch(events, told.cells))
        piece = PieceCoder().decode(PieceCoder().encode(Piece(Progress(0, 1, 1, 0), batches)))
        facts, sums, hidden, users = piece.batches
        cells_of = self.table.merge(sums)
        self.sessions.absorb(facts, hidden)
        self.sessions.add_users(users, cells_of)

    def publish(self) -> None:
        for change in self.table.take_dirty(VERSION):
            for field, value in zip(change.fields, change.values, strict=True):
                self.values[change.group, field.decode(), change.window, change.start_ms] = unpack(value)[1]

    def pass_time(self, watermark_ms: int) -> None:
        self.publish()
        list(self.table.evict(watermark_ms, VERSION))
        self.sessions.forget(watermark_ms)

    def restore(self) -> None:
        states = pickle.loads(pickle.dumps([self.table.state(), self.sessions.state()]))
        self.open()
        for part, state in zip((self.table, self.sessions), states, strict=True):
            part.load(state)

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
        patch.setattr(broadcasts, "_FORGET_LEAST", 1)
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


_CAMPAIGNED = st.tuples(
    st.integers(0, 400_000), st.sampled_from([None, "g1"]), st.sampled_from([None, "b7", "b8"])
)
"""When a live event of the only session comes, which campaign and which base it tells of."""


@settings(max_examples=60, deadline=None)
@given(events(), st.lists(_CAMPAIGNED, max_size=4), st.booleans(), st.randoms(use_true_random=False))
def test_users_move_with_their_session_when_a_live_event_tells_of_it(
    rows: list[Row], told: list, restored: bool, random
) -> None:
    """Whatever comes first, base and fact channel have the users of the events that are theirs in the end."""
    live = [
        {
            "event_id": f"l{n}", "event_type": "live", "event_time": 1_767_225_600_000 + LATENESS_MS + after_ms,
            "session_id": "s1", "campaign_id": campaign, "base_id": base,
        }
        for n, (after_ms, campaign, base) in enumerate(told)
    ]  # fmt: skip
    figures, everything = Figures(), random.sample([*rows, *live], len(rows) + len(live))
    for begin in range(0, len(everything), 3):
        figures.take(everything[begin : begin + 3])
        if restored:
            figures.restore()
        figures.pass_time(random.choice([0, 10**12]))
    figures.publish()
    assert figures.users() == expected(everything)
