"""Touches and lines that a credit book holds: found wherever they are, forgotten when they are too old."""

import pickle
import random

import pytest
from attribution_law import (
    DAY,
    Touch,
)
from credit_ledger import (
    T0,
    click_of,
    ledger_of,
    line_of,
    sealed_at,
)

from transforms.attribution import book as book_module
from transforms.attribution import held_touches


def test_refunds_find_their_touches_after_the_touches_themselves_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(held_touches, "FORGET_LEAST", 1)
    touches = [click_of(f"e{n}", T0 + n * DAY, f"u{n % 3}", f"c{n % 4}") for n in range(40)]
    lines = [line_of(f"o{n}", T0 + n * DAY + 5, f"u{n % 3}") for n in range(40)]
    ledger = ledger_of()
    for number, (touch, line) in enumerate(zip(touches, lines, strict=True)):
        ledger.take([touch])
        ledger.take([line])
        ledger.settle()
        ledger.publish()
        ledger.book.forget(T0 + number * DAY)
    assert len(ledger.book) < 15
    final = [line._replace(net_minor=31) for line in lines]
    ledger.take(final)
    ledger.settle()
    ledger.publish()
    ledger.hold_to(final, touches)


def test_lines_beyond_twice_the_order_horizon_are_forgotten_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(book_module, "_FORGET_LEAST", 1)
    touches = [click_of(f"e{n}", T0 + n * DAY, f"u{n % 3}", f"c{n % 4}") for n in range(100)]
    lines = [line_of(f"o{n}", T0 + n * DAY + 5, f"u{n % 3}") for n in range(100)]
    ledger = ledger_of()
    for begin in range(0, 100, 10):
        ledger.take(touches[begin : begin + 10])
        ledger.take(lines[begin : begin + 10])
        ledger.settle()
        ledger.publish()
        ledger.book.forget(T0 + (begin + 5) * DAY)
    held = len(ledger.book.state()["line"]["rows"])
    assert 65 <= held < 100
    late = click_of("late", T0 + 97 * DAY, "u1", "c9")
    final = [*lines[:65], *(line._replace(net_minor=31) for line in lines[65:])]
    ledger.take([late])
    ledger.take(final[65:])
    ledger.settle()
    ledger.publish()
    ledger.hold_to(final, [*touches, late])


@pytest.mark.parametrize(("seal", "merge"), [(300, 3), (1000, 8), (7, 4)])
def test_touches_are_found_wherever_they_are_held(seal: int, merge: int) -> None:
    """Many users, ids of many lengths, in a chain of stretches merged again and again, restored in between."""
    draw = random.Random(seal)
    at = lambda: T0 + draw.randrange(8 * DAY)  # noqa: E731
    place = lambda: draw.choice([None, ("r1", "s1"), ("r1", "s2")])  # noqa: E731
    user = lambda: f"u{int(60 * draw.random() ** 2)}"  # noqa: E731
    touches = [
        Touch("é" * draw.randrange(30) + str(n), draw.choice(["view", "click"]), at(), user(), place(), "i1", f"c{n % 5}")
        for n in range(3_000)
    ]  # fmt: skip
    lines = [line_of(f"o{n}", at(), user())._replace(place=place()) for n in range(90)]
    ledger = ledger_of()
    for number in range(30):
        with sealed_at(seal, merge):
            ledger.take(touches[100 * number : 100 * (number + 1)])
        ledger.take(lines[3 * number : 3 * (number + 1)])
        ledger.settle()
        if number % 10 == 5:
            state = pickle.loads(pickle.dumps(ledger.book.state()))
            ledger.book = ledger_of().book
            ledger.book.load(state)
    ledger.publish()
    ledger.hold_to(lines, touches)


def test_stretches_whose_touches_are_all_too_old_are_dropped() -> None:
    ledger = ledger_of()
    with sealed_at(2, merge=100):
        for n in range(40):
            ledger.take([click_of(f"a{n}", T0 + n * DAY), click_of(f"b{n}", T0 + n * DAY)])
            ledger.book.forget(T0 + n * DAY)
    assert len(ledger.book) <= 20
    late = line_of("o", T0 + 39 * DAY)
    ledger.take([late])
    ledger.settle()
    ledger.publish()
    assert [told for told, *_ in ledger.records["o", "i1"][3]] == [
        f"{ab}{n}" for n in range(32, 40) for ab in "ab"
    ]
