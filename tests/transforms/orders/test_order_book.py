"""The order book against the definitions: any order of arrival, any batches, the same sums."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from order_law import (
    LATENESS_MS,
    Live,
    OrderEvent,
    Tally,
    batch_of,
    facts_batch,
    rows_permuted,
    standing,
    told_by,
)

from transforms.orders.book import OrderBook

T0 = 1_767_225_600_000
HOUR, DAY = 3_600_000, 86_400_000
MONTH = 30 * DAY

_STATUSES = ("placed", "paid", "paid", "cancelled", "refunded", "refunded", "shipped", "delivered")


@st.composite
def _events(draw: st.DrawFn, times: st.SearchStrategy[int], most: int = 14) -> list[OrderEvent]:
    """Events of few orders, lines and rooms, so that they meet."""
    return [
        OrderEvent(
            f"e{number}",
            draw(st.sampled_from(["o1", "o1", "o2", "o3"])),
            draw(st.sampled_from(["i1", "i2", "i3"])),
            draw(st.sampled_from(_STATUSES)),
            T0 + draw(times),
            draw(st.sampled_from([0, 1, 100, 100, 250, 333])),
            draw(st.sampled_from([None, "r1", "r2"])),
            draw(st.sampled_from([None, "recommend"])),
        )
        for number in range(draw(st.integers(0, most)))
    ]


_MINUTES = st.integers(0, 8).map(lambda n: n * 40_000)
_cuts = st.lists(st.integers(0, 14), max_size=5)
_seeds = st.integers(0, 2**32)


@settings(max_examples=80, deadline=None)
@given(_events(_MINUTES), _cuts, _seeds)
def test_events_in_any_order_and_any_batches_amount_to_their_set(
    events: list[OrderEvent], cuts: list[int], seed: int
) -> None:
    law = standing(events, MONTH)
    told = told_by(events, [], MONTH)
    told.hold_to(law)
    again = told_by(rows_permuted(events, seed), cuts, MONTH)
    again.hold_to(law)
    assert again.summary() == told.summary()


@settings(max_examples=40, deadline=None)
@given(_events(_MINUTES), _cuts, st.integers(0, 14))
def test_a_book_restored_in_the_middle_goes_on_the_same(
    events: list[OrderEvent], cuts: list[int], stop: int
) -> None:
    book, tally = OrderBook(MONTH, LATENESS_MS), Tally()
    tally.take(book.absorb(batch_of(events[:stop])))
    restored = OrderBook(MONTH, LATENESS_MS)
    restored.load(pickle.loads(pickle.dumps(book.state())))
    for event in events[stop:]:
        tally.take(restored.absorb(batch_of([event])))
    tally.hold_to(standing(events, MONTH))
    assert tally.summary() == told_by(events, cuts, MONTH).summary()


@st.composite
def _told(draw: st.DrawFn) -> list[OrderEvent | Live]:
    """Order events and live events of two sessions, an hour and more around where what is said begins to hold."""
    times = st.integers(-3, 3).map(lambda n: T0 + n * 40_000) | st.integers(-3, 3).map(
        lambda n: T0 + HOUR + n * 40_000
    )
    optional, sessions = st.sampled_from, st.sampled_from(["s1", "s2"])
    found: list[OrderEvent | Live] = [
        event._replace(
            time_ms=draw(times),
            session_id=draw(sessions | st.none()),
            creator_id=draw(optional([None, "k", "x"])),
        )
        for event in draw(_events(_MINUTES))
    ]
    for number in range(draw(st.integers(0, 5))):
        said = draw(optional([None, "c1", "c2"])), draw(optional([None, "b1", "b2"]))
        found.append(Live(f"l{number}", draw(sessions), draw(times) + HOUR, *said))
    return found


@settings(max_examples=150, deadline=None)
@given(_told(), _seeds, st.integers(0, 19), st.integers(0, 19))
def test_what_live_events_say_holds_whenever_they_come(
    told: list[OrderEvent | Live], seed: int, stop: int, forgotten: int
) -> None:
    """One after another in any order, restored in between, with all forgotten that the watermark lets go."""
    arrival = [told[i] for i in np.random.default_rng(seed).permutation(len(told))]
    book, tally = OrderBook(MONTH, LATENESS_MS), Tally()
    for number, one in enumerate(arrival):
        orders, lives = ([one], []) if isinstance(one, OrderEvent) else ([], [one])
        tally.take(book.absorb(batch_of(orders), facts_batch(lives)))
        if number == stop:
            state = pickle.loads(pickle.dumps(book.state()))
            book = OrderBook(MONTH, LATENESS_MS)
            book.load(state)
        if number == forgotten:
            book.forget(min(event.time_ms for event in told))
    orders = [one for one in told if isinstance(one, OrderEvent)]
    lives = [one for one in told if isinstance(one, Live)]
    tally.hold_to(standing(orders, MONTH, lives))
    at_once = Tally()
    at_once.take(OrderBook(MONTH, LATENESS_MS).absorb(batch_of(orders), facts_batch(lives)))
    assert at_once.summary()[:2] == tally.summary()[:2]


def _order(*told: tuple[str, str, int, int]) -> list[OrderEvent]:
    return [
        OrderEvent(f"e{n}", "o", item, status, T0 + time, amount)
        for n, (item, status, time, amount) in enumerate(told)
    ]


def _open(tally: Tally) -> dict[str, int]:
    return {kind: amount for (kind, *_), amount in tally.open_points.items() if amount}


def test_a_refund_before_its_payment_waits_and_is_booked_at_the_pay_time() -> None:
    events = _order(("i", "refunded", 5 * HOUR, 30), ("i", "paid", HOUR, 100))
    first = told_by(events[:1], [], MONTH)
    assert _open(first) == {"orphan_refund": 30}
    assert not first.lines
    both = told_by(events, [1], MONTH)
    assert _open(both) == {}
    assert both.lines["o", "i"] == (T0 + HOUR, 70, 1_000_000)
    assert both.by_order_time[0, "all", (T0 + HOUR) // 60_000] == 30


def test_more_refunded_than_paid_leaves_nothing_and_is_listed() -> None:
    tally = told_by(
        _order(("i", "paid", 0, 100), ("i", "refunded", 1, 60), ("i", "refunded", 2, 70)), [1, 2], MONTH
    )
    assert tally.lines["o", "i"] == (T0, 0, 0)
    assert _open(tally) == {"over_refund": 30}


def test_an_earlier_payment_takes_the_refunds_with_it() -> None:
    events = _order(("i", "paid", HOUR, 100), ("i", "refunded", 2 * HOUR, 40), ("i", "paid", 0, 50))
    tally = told_by(events, [1, 2], MONTH)
    assert tally.lines["o", "i"] == (T0, 110, 1_000_000)
    assert tally.by_order_time[0, "all", T0 // 60_000] == 40
    assert tally.by_order_time[0, "all", (T0 + HOUR) // 60_000] == 0


def test_a_second_paid_line_halves_what_the_first_was_of_the_order() -> None:
    tally = told_by(_order(("i", "paid", 0, 100), ("j", "paid", 0, 100)), [1], MONTH)
    assert [micro for _, _, micro in tally.lines.values()] == [500_000, 500_000]


@pytest.mark.parametrize(("beyond", "open_points", "net"), [(0, {}, 60), (1, {"orphan_refund": 40}, 100)])
@pytest.mark.parametrize("first", ["paid", "refunded"])
def test_a_refund_belongs_to_a_payment_within_the_horizon_to_the_millisecond(
    beyond: int, open_points: dict[str, int], net: int, first: str
) -> None:
    """On either side of the payment; whichever happened first comes first, as far apart as they are."""
    times = {"paid": 0, "refunded": 0} | {first: -MONTH - beyond}
    events = _order(("i", "paid", times["paid"], 100), ("i", "refunded", times["refunded"], 40))
    tally = told_by(sorted(events, key=lambda event: event.time_ms), [1], MONTH)
    assert _open(tally) == open_points
    assert tally.lines["o", "i"] == (T0 + times["paid"], net, 1_000_000)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 12), max_size=6), _seeds)
def test_at_the_edge_of_the_horizon_counts_do_not_depend_on_the_order_of_arrival(
    days: list[int], seed: int
) -> None:
    """An order id used again after the horizon is another order; used on and on, it stays the one."""
    events = [OrderEvent(f"e{n}", "o", "i", "placed", T0 + day * DAY, 1) for n, day in enumerate(days)]
    law = standing(events, 4 * DAY)
    for arrived in (events, rows_permuted(events, seed)):
        told_by(arrived, [3], 4 * DAY).hold_to(law)


def test_forgetting_changes_nothing_that_can_still_come() -> None:
    """Old orders go, their index with them; what is kept is found again, and ids used anew are new."""
    old = [OrderEvent(f"a{n}", f"old{n}", "i", "paid", T0 + n, 10, f"r{n % 7}") for n in range(1500)]
    young = [
        OrderEvent(f"b{n}", f"new{n}", "i", "paid", T0 + 2 * DAY + n, 10, f"r{n % 5}") for n in range(700)
    ]
    more = [OrderEvent(f"c{n}", f"new{n}", "i", "refunded", T0 + 2 * DAY + HOUR + n, 4) for n in range(700)]
    more += [OrderEvent(f"d{n}", f"new{n}", "j", "paid", T0 + 2 * DAY + HOUR + n, 10) for n in range(350)]
    book, tally = OrderBook(DAY, LATENESS_MS), Tally()
    for part in (old, young):
        tally.take(book.absorb(batch_of(part)))
    assert len(book) == 2200
    book.forget(T0 + 2 * DAY)
    assert len(book) == 700
    tally.take(book.absorb(batch_of(more)))
    tally.hold_to(standing([*old, *young, *more], DAY))
