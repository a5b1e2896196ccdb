"""The customer book against the definitions: any order of arrival, any batches, forgetting in between, the same sums."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from customer_law import (
    DAY_MS,
    LATENESS_MS,
    REPURCHASE_MS,
    Happening,
    Live,
    Tally,
    batches_of,
    customer_counts,
    facts_batch,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.customers import book as book_module
from transforms.customers.book import CustomerBook

T0 = 1_767_225_600_000
HOUR = 3_600_000
MONTH = 30 * DAY_MS
_EDGES = (0, 1, 60_000, HOUR, HOUR + 1, REPURCHASE_MS - 1, REPURCHASE_MS, REPURCHASE_MS + 1)


@st.composite
def _bought(draw: st.DrawFn, times: st.SearchStrategy[int], most: int = 14) -> list[Happening]:
    """Payments of few users, orders, merchants and rooms, so that they meet."""
    return [
        Happening(
            "order",
            draw(st.sampled_from(["u1", "u1", "u2"])),
            draw(st.sampled_from(["i1", "i2", "i3", "i4", "i5"])),
            T0 + draw(times),
            draw(st.sampled_from(["o1", "o2", "o10", "o3"])),
            draw(st.sampled_from([0, 1, 10, 100])),
            *draw(st.sampled_from([("r1", "s1"), ("r1", "s2"), ("r2", "s3")])),
            draw(st.sampled_from(["paid", "paid", "paid", "placed"])),
        )
        for _ in range(draw(st.integers(0, most)))
    ]


_moments = st.lists(st.sampled_from(_EDGES), max_size=3).map(sum)
_cuts = st.lists(st.integers(0, 14), max_size=5)
_seeds = st.integers(0, 2**32)


def _told_by(bought: list[Happening], cuts: list[int], horizon_ms: int) -> Tally:
    book, tally = CustomerBook(horizon_ms, HOUR), Tally()
    for begin, end in pairwise([0, *sorted(min(cut, len(bought)) for cut in cuts), len(bought)]):
        tally.take(book.absorb(batches_of(bought[begin:end])[1]))
    return tally


@settings(max_examples=150, deadline=None)
@given(_bought(_moments), _cuts, _seeds, st.sampled_from([HOUR, MONTH]))
def test_payments_in_any_order_and_any_batches_say_what_their_set_says(
    bought: list[Happening], cuts: list[int], seed: int, horizon_ms: int
) -> None:
    law = customer_counts(bought, horizon_ms)
    assert _told_by(bought, [], horizon_ms).nonzero() == law
    mixed = [bought[place] for place in np.random.default_rng(seed).permutation(len(bought))]
    assert _told_by(mixed, cuts, horizon_ms).nonzero() == law


@settings(max_examples=60, deadline=None)
@given(_bought(_moments), st.integers(0, 14))
def test_a_book_restored_in_the_middle_goes_on_the_same(bought: list[Happening], stop: int) -> None:
    book, tally = CustomerBook(MONTH, HOUR), Tally()
    tally.take(book.absorb(batches_of(bought[:stop])[1]))
    restored = CustomerBook(MONTH, HOUR)
    restored.load(pickle.loads(pickle.dumps(book.state())))
    for each in bought[stop:]:
        tally.take(restored.absorb(batches_of([each])[1]))
    assert tally.nonzero() == customer_counts(bought, MONTH)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from((*_EDGES, 5 * HOUR, 40 * DAY_MS)), min_size=14, max_size=14),
    st.lists(st.integers(0, HOUR), min_size=14, max_size=14),
    _bought(st.just(0)),
)
def test_what_is_forgotten_changes_nothing_that_may_still_come(
    gaps: list[int], delays: list[int], bought: list[Happening]
) -> None:
    """Payments come up to an hour late; the book lets go of whatever it may after each."""
    times = T0 + np.cumsum(gaps)
    timed = [each._replace(time_ms=int(time)) for each, time in zip(bought, times, strict=False)]
    arrivals = sorted(zip(timed, delays, strict=False), key=lambda arrival: arrival[0].time_ms + arrival[1])
    book, tally, watermark = CustomerBook(2 * HOUR, HOUR), Tally(), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book_module, "_FORGET_LEAST", 1)
        patch.setattr(book_module, "_FORGET_SHARE", 0.0)
        for each, _ in arrivals:
            tally.take(book.absorb(batches_of([each])[1]))
            watermark = max(watermark, each.time_ms)
            book.forget(watermark - HOUR)
        assert tally.nonzero() == customer_counts(timed, 2 * HOUR)
        book.forget(watermark + 40 * DAY_MS)
        assert len(book) == 0


def test_who_bought_two_years_before_is_not_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "_FORGET_LEAST", 1)
    book, tally = CustomerBook(MONTH, HOUR), Tally()
    bought = [
        Happening("order", "u", "i1", T0 + after, order) for after, order in ((0, "o1"), (800 * DAY_MS, "o2"))
    ]
    tally.take(book.absorb(batches_of(bought[:1])[1]))
    book.forget(T0 + 400 * DAY_MS)
    assert len(book) == 0
    tally.take(book.absorb(batches_of(bought[1:])[1]))
    assert tally.nonzero() == customer_counts(bought, MONTH)
    assert (
        sum(count for (name, scope, *_), count in tally.items() if name.endswith("orders") and not scope) == 1
    )


@st.composite
def _told(draw: st.DrawFn) -> list[Happening | Live]:
    """Payments and live events of few sessions, an hour and more around where what is said begins to hold."""
    times = st.tuples(st.sampled_from([0, HOUR, REPURCHASE_MS]), st.integers(-3, 3)).map(
        lambda at: at[0] + at[1] * 40_000
    )
    found: list[Happening | Live] = [
        each._replace(creator=draw(st.sampled_from([None, "k", "x"]))) for each in draw(_bought(times))
    ]
    for number in range(draw(st.integers(0, 5))):
        said = draw(st.sampled_from([None, "c1", "c2"])), draw(st.sampled_from([None, "b1", "b2"]))
        session = draw(st.sampled_from(["s1", "s2"]))
        found.append(Live(f"l{number}", session, T0 + draw(times) + HOUR, *said))
    return found


@settings(max_examples=150, deadline=None)
@given(_told(), _seeds, st.integers(0, 19), st.integers(0, 19), st.sampled_from([HOUR, MONTH]))
def test_what_live_events_say_holds_whenever_they_come(
    told: list[Happening | Live], seed: int, stop: int, forgotten: int, horizon_ms: int
) -> None:
    """One after another in any order, restored in between, with all forgotten that the watermark lets go."""
    arrival = [told[place] for place in np.random.default_rng(seed).permutation(len(told))]
    book, tally = CustomerBook(horizon_ms, LATENESS_MS), Tally()
    for number, one in enumerate(arrival):
        bought, lives = ([one], []) if isinstance(one, Happening) else ([], [one])
        tally.take(book.absorb(batches_of(bought)[1], facts_batch(lives)))
        if number == stop:
            state = pickle.loads(pickle.dumps(book.state()))
            book = CustomerBook(horizon_ms, LATENESS_MS)
            book.load(state)
        if number == forgotten:
            book.forget(min(each.time_ms for each in told))
    bought = [one for one in told if isinstance(one, Happening)]
    lives = [one for one in told if isinstance(one, Live)]
    assert tally.nonzero() == customer_counts(bought, horizon_ms, lives)
    at_once = Tally()
    at_once.take(CustomerBook(horizon_ms, LATENESS_MS).absorb(batches_of(bought)[1], facts_batch(lives)))
    assert at_once.nonzero() == tally.nonzero()


@settings(max_examples=100, deadline=None)
@given(
    _told(),
    st.lists(st.sampled_from((*_EDGES, 5 * HOUR)), min_size=19, max_size=19),
    st.lists(st.integers(0, HOUR), min_size=19, max_size=19),
    st.sampled_from([60_000, 2 * HOUR]),
)
def test_live_events_move_payments_beside_which_others_were_forgotten(
    told: list[Happening | Live], gaps: list[int], delays: list[int], horizon_ms: int
) -> None:
    """Everything comes up to an hour late; the book lets go of whatever it may after each."""
    times = T0 + np.cumsum(gaps)
    timed = [one._replace(time_ms=int(time)) for one, time in zip(told, times, strict=False)]
    arrivals = sorted(zip(timed, delays, strict=False), key=lambda arrival: arrival[0].time_ms + arrival[1])
    book, tally, watermark = CustomerBook(horizon_ms, LATENESS_MS), Tally(), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book_module, "_FORGET_LEAST", 1)
        patch.setattr(book_module, "_FORGET_SHARE", 0.0)
        for one, _ in arrivals:
            bought, lives = ([one], []) if isinstance(one, Happening) else ([], [one])
            tally.take(book.absorb(batches_of(bought)[1], facts_batch(lives)))
            watermark = max(watermark, one.time_ms)
            book.forget(watermark - LATENESS_MS)
    bought = [one for one in timed if isinstance(one, Happening)]
    lives = [one for one in timed if isinstance(one, Live)]
    assert tally.nonzero() == customer_counts(bought, horizon_ms, lives)


def test_scopes_that_are_not_published_are_left_out() -> None:
    bought = [Happening("order", "u", "i1", T0)]
    _, payments = batches_of(bought)
    tally = Tally()
    tally.take(CustomerBook(MONTH, HOUR).absorb(payments.drop_columns(["scope_room"])))
    everywhere = customer_counts(bought, MONTH)
    assert tally.nonzero() == {cell: count for cell, count in everywhere.items() if cell[2] != "r1"}
