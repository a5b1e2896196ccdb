"""Journeys and the funnel's table against the definitions: any order of arrival, any batches, the same funnel."""

import pickle
from itertools import pairwise
from statistics import median

import msgspec
import numpy as np
import pytest
from customer_law import DAY_MS, Happening, Walked, batches_of, walked
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.keys import US, VERSION_BYTES
from transforms.customers.journeys import JourneyBook
from transforms.metrics import durations as durations_module
from transforms.metrics import funnel as funnel_module
from transforms.metrics.durations import Durations
from transforms.metrics.funnel import FunnelTable

T0 = 1_767_225_600_000
HOUR = 3_600_000
_VERSION = bytes(VERSION_BYTES)


@st.composite
def _happened(draw: st.DrawFn) -> list[Happening]:
    """Views, clicks and payments of few users, at few moments around a midnight."""
    return [
        Happening(
            draw(st.sampled_from(["view", "view", "click", "order"])),
            draw(st.sampled_from(["u1", "u2", "u3"])),
            draw(st.sampled_from(["i1", "i2", "i3", "i4", "i5"])),
            T0 + draw(st.sampled_from([-HOUR, -1, 0, 1, 2, 60_000, 90_000, DAY_MS])),
            draw(st.sampled_from(["o1", "o2", "o3", "o4"])),
        )
        for _ in range(draw(st.integers(0, 20)))
    ]


_cuts = st.lists(st.integers(0, 20), max_size=6)


class Store:
    """What the last write to every field says."""

    def __init__(self) -> None:
        self.total: dict[tuple[str, ...], list[int]] = {}
        self.days: dict[tuple[int, tuple[str, ...]], int] = {}

    def take(self, table: FunnelTable) -> None:
        for change in table.take_dirty(_VERSION):
            for field, value in zip(change.fields, change.values, strict=True):
                move, cell = tuple(field.decode().split(US)), msgspec.msgpack.decode(value[VERSION_BYTES:])
                if change.window == "total":
                    self.total[move] = cell
                else:
                    self.days[change.start_ms, move] = cell[0]

    def walked(self) -> Walked:
        return Walked(
            {move: users for move, (users, _) in self.total.items() if users},
            {key: users for key, users in self.days.items() if users},
            {move: twice for move, (users, twice) in self.total.items() if users and move[1]},
        )


@settings(max_examples=150, deadline=None)
@given(_happened(), _cuts, st.integers(0, 2**32), st.booleans())
def test_events_in_any_order_and_any_batches_make_the_funnel_of_their_set(
    happened: list[Happening], cuts: list[int], seed: int, restored: bool
) -> None:
    mixed = [happened[place] for place in np.random.default_rng(seed).permutation(len(happened))]
    book, table, store = JourneyBook(), FunnelTable("UTC", 0), Store()
    for begin, end in pairwise([0, *sorted(min(cut, len(mixed)) for cut in cuts), len(mixed)]):
        table.merge(book.absorb(*batches_of(mixed[begin:end])))
        if restored:
            kept = pickle.loads(pickle.dumps((book.state(), table.state())))
            book, table = JourneyBook(), FunnelTable("UTC", 0)
            for part, state in zip((book, table), kept, strict=True):
                part.load(state)
        store.take(table)
    assert store.walked() == walked(happened)


def test_only_what_changes_is_said() -> None:
    book = JourneyBook()
    one = [Happening("view", "u", "i1", T0), Happening("click", "u", "i1", T0 + 5)]
    assert book.absorb(*batches_of(one))["f"].to_pylist() == [1, 1]
    assert book.absorb(*batches_of(one)).num_rows == 0
    # A view before the first: both moves are others now, the click's for how long it took.
    earlier = book.absorb(*batches_of([Happening("view", "u", "i2", T0 - 5)]))
    assert earlier.select(["step", "took_ms", "f"]).to_pylist() == [
        {"step": 0, "took_ms": -1, "f": -1}, {"step": 0, "took_ms": -1, "f": 1},
        {"step": 3, "took_ms": 5, "f": -1}, {"step": 3, "took_ms": 10, "f": 1},
    ]  # fmt: skip


def test_days_that_are_over_go_once_they_are_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(funnel_module, "_EVICT_LEAST", 1)
    book, table, store = JourneyBook(), FunnelTable("UTC", HOUR), Store()
    happened = [Happening("view", f"u{n}", "i1", T0 + n * DAY_MS) for n in range(4)]
    table.merge(book.absorb(*batches_of(happened)))
    assert list(table.evict(T0 + 9 * DAY_MS, _VERSION)) == []  # not before they were published
    store.take(table)
    gone = list(table.evict(T0 + 2 * DAY_MS + 2 * HOUR, _VERSION))
    assert [change.start_ms for change in gone] == [T0, T0 + DAY_MS]
    more = [Happening("view", f"v{n}", "i1", T0 + n * DAY_MS) for n in (2, 3)]
    table.merge(book.absorb(*batches_of(more)))
    store.take(table)
    assert store.walked() == walked([*happened, *more])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from([0, 1, 31, 32, 33, 63, 64, 1000, 1001, 2**40]) | st.integers(0, 300),
        )
    ),
    st.data(),
)
def test_medians_are_exact_whatever_came_and_went(added: list[tuple[int, int]], data: st.DataObject) -> None:
    """What is taken back later, and packed in between, was never there."""
    extra = data.draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2**20)), max_size=20))
    durations = Durations()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(durations_module, "_PACK_LEAST", data.draw(st.sampled_from([0, 10_000])))
        for weight, told in ((1, extra), (1, added), (-1, extra)):
            for begin in range(0, len(told), 7):
                part = told[begin : begin + 7]
                numbers, ms = (
                    np.array([n for n, _ in part], np.int32),
                    np.array([ms for _, ms in part], np.int64),
                )
                durations.add(numbers, ms, np.full(len(part), weight, np.int64))
    restored = Durations()
    restored.load(pickle.loads(pickle.dumps(durations.state())))
    for number in range(3):
        held = [ms for n, ms in added if n == number]
        assert restored.twice_medians(np.array([number])).tolist() == [2 * median(held) if held else 0]
