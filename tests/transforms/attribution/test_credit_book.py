"""The credit book against the definitions: whatever comes late or changes, the last word is the right one."""

import pickle
from collections import Counter
from collections.abc import Sequence

from attribution_law import (
    Line,
    Touch,
    eligible,
    is_direct,
)
from credit_ledger import (
    SEALS,
    SOME_WINDOWS,
    T0,
    Step,
    click_of,
    drawn_arrivals,
    ledger_of,
    line_of,
    sealed_at,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.metrics import ATTRIBUTION_WINDOWS
from transforms.attribution.line_paths import LinePaths


@settings(max_examples=100, deadline=None)
@given(
    drawn_arrivals(),
    st.sets(st.integers(0, 20)),
    st.sets(st.integers(0, 20), max_size=3),
    SEALS,
    SOME_WINDOWS,
)
def test_whatever_the_order_of_arrival_every_line_ends_with_its_credit(
    arrivals: tuple[list[Step], list[Line], list[Touch]],
    settled: set[int],
    published: set[int],
    seal: int,
    windows: Sequence[str],
) -> None:
    steps, lines, touches = arrivals
    ledger = ledger_of(windows)
    for number, step in enumerate(steps):
        with sealed_at(seal):
            ledger.take(step)
        if number in settled:
            ledger.settle()
        if number in published:
            ledger.settle()
            ledger.publish()
    ledger.settle()
    ledger.publish()
    ledger.hold_to(lines, touches)


@settings(max_examples=40, deadline=None)
@given(drawn_arrivals(), st.integers(0, 20), st.booleans(), SEALS)
def test_a_book_restored_in_the_middle_publishes_all_and_goes_on_the_same(
    arrivals: tuple[list[Step], list[Line], list[Touch]], stop: int, settled: bool, seal: int
) -> None:
    steps, lines, touches = arrivals
    before = ledger_of()
    for step in steps[:stop]:
        with sealed_at(seal):
            before.take(step)
    if settled:
        before.settle()
    after = ledger_of()
    after.totals = before.totals
    after.book.load(pickle.loads(pickle.dumps(before.book.state())))
    for step in steps[stop:]:
        with sealed_at(seal):
            after.take(step)
        after.settle()
    after.settle()
    after.publish()
    after.hold_to(lines, touches)


def test_of_touches_at_one_time_the_higher_event_id_is_the_later() -> None:
    """By code point, wherever it stands: `z` before `é` before `事`, and a prefix before what it begins."""
    ids = ["事", "z", "é", "zz", "Z", "10", "9"]
    ledger = ledger_of()
    ledger.take([line_of("o", T0)])
    ledger.take([click_of(event_id, T0) for event_id in ids])
    ledger.settle()
    ledger.publish()
    told = [touch for touch, *_ in ledger.records["o", "i1"][3]]
    assert told == ["10", "9", "Z", "z", "zz", "é", "事"]
    assert ledger.summary()["click_7d_view_1d", "linear", "coupon\x1fc1", T0 // 60_000] == (
        90,
        1_000_000,
        0,
        0,
    )


def test_a_line_given_back_in_full_leaves_nothing_anywhere() -> None:
    ledger = ledger_of()
    ledger.take([click_of("e", T0 - 5)])
    ledger.take([line_of("o", T0)])
    ledger.settle()
    assert ledger.summary()
    ledger.take([line_of("o", T0, net=0)._replace(micro_orders=0)])
    ledger.settle()
    ledger.publish()
    assert ledger.summary() == {}
    assert ledger.records["o", "i1"][1:3] == (0, 0)


def test_a_line_moved_to_another_room_at_the_same_time_is_credited_there() -> None:
    """Two payments at one instant: which of them is the line's is known only once both have come."""
    at_r1, at_r2 = ("r1", "s"), ("r2", "s")
    touches = [
        Touch("e1", "click", T0 - 1, "u", at_r1, None, "c1"),
        Touch("e2", "click", T0 - 1, "u", at_r2, None, "c2"),
    ]
    ledger = ledger_of()
    ledger.take(touches)
    ledger.take([line_of("o", T0)._replace(place=at_r1)])
    ledger.settle()
    final = line_of("o", T0)._replace(place=at_r2)
    ledger.take([final])
    ledger.settle()
    ledger.publish()
    ledger.hold_to([final], touches)


@settings(max_examples=60, deadline=None)
@given(drawn_arrivals(), st.sets(st.integers(0, 20)), SOME_WINDOWS)
def test_the_paths_of_what_is_given_and_taken_back_come_to_what_lines_finally_are(
    arrivals: tuple[list[Step], list[Line], list[Touch]], settled: set[int], windows: Sequence[str]
) -> None:
    steps, lines, touches = arrivals
    ledger, held = ledger_of(windows), Counter[tuple[str, int, int, int, tuple[tuple[str, bool], ...]]]()

    def watch(paths: LinePaths) -> None:
        at, names = 0, ledger.book.origins.names(paths.names[:, 0]).to_pylist()
        amounts = zip(paths.pay_time_ms, paths.net_minor, paths.micro_orders, paths.counts, strict=True)
        for *line, count in amounts:
            path = tuple(zip(names[at : at + count], paths.together[at : at + count].tolist(), strict=True))
            held[ATTRIBUTION_WINDOWS[paths.window], *map(int, line), path] += paths.sign
            at += count

    for number, step in enumerate(steps):
        ledger.take(step)
        if number in settled:
            ledger.book.settle(watch)
    ledger.book.settle(watch)
    assert +held == Counter(
        (
            window, line.pay_time_ms, line.net_minor, line.micro_orders,
            tuple(("\x1f".join(t.channel), is_direct(t, line)) for t in eligible(line, touches, window)),
        )
        for line in lines for window in windows
    )  # fmt: skip
    assert min(held.values(), default=0) >= 0
