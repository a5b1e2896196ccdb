"""Leaderboards against sorting everything, through many writes, eviction and restoring."""

import pickle
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_cells import FIRST, HORIZON_MINUTES, ZONE, Add, batch_of, sums_of

from schemas.metrics import SCOPES
from transforms.metrics import boards as boards_module
from transforms.metrics import cells as cells_module
from transforms.metrics.boards import BoardTable, Metric, Ranked
from transforms.metrics.cells import CellTable

METRICS = (Metric("first", 0), Metric("second", 1), Metric("less", 0, 1))
BEYOND = len(SCOPES)
"""A group that is no scope, as one that is summed up in others would be."""

_IDS = st.sampled_from(["", "a", "ab", "b", "店", "店铺", "é", "A", *(f"id{n}" for n in range(9))])
_ADD = st.tuples(
    st.sampled_from([0, 1, 3, BEYOND]), _IDS, st.integers(0, 200),
    st.tuples(st.sampled_from([-2, 0, 1, 1, 2, 2**40]), st.sampled_from([0, 1, -1, 3])),
)  # fmt: skip
Places = list[tuple[str, int]]
Key = tuple[int, str, int, str]


class Kept:
    """The boards of a table as a store has them after every write."""

    def __init__(self) -> None:
        self.cells = CellTable("t", width=2, timezone=ZONE, horizon_ms=HORIZON_MINUTES * 60_000)
        self.boards = BoardTable(self.cells, METRICS)
        self.held: dict[Key, Places] = {}
        self.archived: dict[Key, Places] = {}
        self.writes = 0

    def publish(self) -> None:
        for change in self.cells.take_dirty(bytes(20)):
            self.boards.note(change)

    def rank(self) -> None:
        self.writes += _keep(self.held, self.boards.take_changed())

    def evict(self, watermark_ms: int) -> None:
        closed = self.cells.closed(watermark_ms)
        _keep(self.archived, self.boards.take_final(closed))
        list(self.cells.evict(watermark_ms, bytes(20)))


def _keep(held: dict[Key, Places], changed: Iterable[Ranked]) -> int:
    count = 0
    for ranked in changed:
        for board in ranked.boards:
            ids = [identifier.decode() for identifier in board.ids]
            held[ranked.group, ranked.window, ranked.start_ms, board.metric] = list(
                zip(ids, board.values, strict=True)
            )
            count += 1
    return count


def ranked(adds: list[Add], places: int) -> dict[Key, Places]:
    """Every board by sorting all ids; those without a place too, where its scope has anything in the window."""
    boards: dict[Key, Places] = {}
    for (group, name, window, start), (first, second) in sums_of(adds).items():
        if group in (0, BEYOND) or window == "minute":
            continue
        for metric, value in (("first", first), ("second", second), ("less", first - second)):
            board = boards.setdefault((group, window, start, metric), [])
            if value > 0:
                board.append((name, value))
    return {
        key: sorted(board, key=lambda place: (-place[1], place[0]))[:places] for key, board in boards.items()
    }


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.lists(_ADD, max_size=30), st.booleans(), st.booleans()), max_size=6),
    st.sampled_from([1, 3, 100]),
)
def test_boards_are_the_first_of_everything_sorted(
    steps: list[tuple[list[Add], bool, bool]], places: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boards_module, "BOARD_PLACES", places)
        patch.setattr(boards_module, "_STEP", 2)
        kept, everything = Kept(), list[Add]()
        for adds, published, written in steps:
            kept.cells.merge(batch_of(adds))
            everything += adds
            if published:
                kept.publish()
            if written:
                kept.rank()
        kept.publish()
        kept.rank()
        assert kept.held == ranked(everything, places)
        assert not kept.boards.pending


def test_only_boards_whose_places_changed_are_written() -> None:
    kept = Kept()
    kept.cells.merge(batch_of([(1, f"id{n:03}", 0, (n, 1)) for n in range(150)]))
    kept.publish()
    kept.rank()
    assert kept.writes == 3 * len(METRICS)
    kept.cells.merge(batch_of([(1, "id010", 0, (1, 0)), (1, "new", 0, (0, 0))]))
    kept.publish()
    kept.rank()
    assert kept.writes == 3 * len(METRICS), "the places beyond the hundredth are no one's"
    kept.cells.merge(batch_of([(1, "id149", 0, (1, 0))]))
    kept.publish()
    kept.rank()
    assert kept.writes == 3 * len(METRICS) + 3 * 2


def test_equal_values_at_the_edge_stand_in_the_order_of_their_ids() -> None:
    kept, names = Kept(), [f"{n * 7919 % 5000:05}" for n in range(5000)]
    kept.cells.merge(batch_of([(1, name, 0, (1, 0)) for name in names]))
    kept.publish()
    kept.rank()
    assert kept.held[1, "total", -1, "first"] == [(f"{n:05}", 1) for n in range(100)]


@settings(max_examples=50, deadline=None)
@given(st.lists(_ADD, max_size=30), st.lists(_ADD, max_size=30))
@example([(0, "", 0, (-2, 0)), (3, "a", 0, (1, 0))], [(3, "", 0, (1, 0))])
def test_a_restored_table_hands_on_every_board_again(before: list[Add], after: list[Add]) -> None:
    first, second = Kept(), Kept()
    first.cells.merge(batch_of(before))
    first.publish()
    first.rank()
    second.cells.load(pickle.loads(pickle.dumps(first.cells.state())))
    second.publish()
    second.rank()
    assert second.held == ranked(before, 100)
    second.cells.merge(batch_of(after))
    second.publish()
    second.rank()
    assert second.held == ranked([*before, *after], 100)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 600), st.lists(_ADD, max_size=8), st.booleans()), max_size=20))
def test_what_is_dropped_was_ranked_last_and_is_archived_so(
    steps: list[tuple[int, list[Add], bool]],
) -> None:
    """The watermark rises; boards are written when they are due, and before cells go."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells_module, "_EVICT_LEAST", 2)
        kept, everything, watermark = Kept(), list[Add](), HORIZON_MINUTES
        for rise, adds, written in steps:
            moved = [
                (group, name, watermark - HORIZON_MINUTES + at, numbers) for group, name, at, numbers in adds
            ]
            kept.cells.merge(batch_of(moved))
            everything += moved
            watermark += rise
            kept.publish()
            watermark_ms = (FIRST + watermark) * 60_000
            if written or kept.cells.closed(watermark_ms):
                kept.rank()
            kept.evict(watermark_ms)
        kept.rank()
        expected = ranked(everything, 100)
        assert kept.held == expected
        assert kept.archived == {key: expected[key] for key in kept.archived}


def test_where_nothing_is_asked_for_nothing_is_ranked() -> None:
    kept = Kept()
    kept.cells.merge(batch_of([(1, "a", 0, (1, 0))]))
    found = kept.cells.leaders([], np.array([0]), np.array([-1]), 5)
    assert found.sizes.shape == (0, 1)
    assert list(kept.cells.ids(np.zeros(0, np.int32))) == []
