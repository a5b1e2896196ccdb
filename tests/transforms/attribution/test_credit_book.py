"""The credit book against the definitions: whatever comes late or changes, the last word is the right one."""

import pickle
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
import numpy as np
import pytest
from attribution_law import (
    DAY,
    FURTHER,
    WINDOWS,
    Credit,
    Line,
    Sums,
    Total,
    Touch,
    credit_of,
    eligible,
    is_direct,
    line_batch,
    shares_of,
    totals_of,
    touch_batch,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.metrics import ATTRIBUTION_WINDOWS, MODELS, MODELS_A_WINDOW
from schemas.records import decode_credit
from transforms.attribution import book as book_module
from transforms.attribution import held_touches, merging
from transforms.attribution.book import CreditBook
from transforms.attribution.line_paths import LinePaths

T0 = 1_767_225_600_000
MONTH = 30 * DAY
_PLACES = st.sampled_from([None, ("r1", "s1"), ("r1", "s2"), ("r2", "s1")])
_ITEMS = st.sampled_from(["i1", "i2", "i3", "i4"])
_USERS = st.sampled_from(["u1", "u1", "u2"])
_AGES = st.sampled_from(
    [
        -1,
        0,
        0,
        1,
        DAY,
        DAY + 1,
        7 * DAY,
        7 * DAY + 1,
        3600_000,
        5000,
        600_000,
        1_800_000,
        1_800_001,
        3 * DAY,
        15 * DAY,
        30 * DAY,
    ]
)
_IDS = st.lists(st.text(min_size=1, max_size=3), min_size=12, max_size=12, unique=True)

Step = list[Touch] | list[Line]


@st.composite
def _touches(draw: st.DrawFn) -> list[Touch]:
    """Touches at the edges of both windows before the payments, many at the same time."""
    ids = draw(_IDS)
    one_of = lambda *values: draw(st.sampled_from([None, *values]))  # noqa: E731
    return [
        Touch(
            ids[number], draw(st.sampled_from(["view", "click"])), T0 - draw(_AGES), draw(_USERS), draw(_PLACES),
            draw(st.none() | _ITEMS), one_of("c1", "c2"), one_of("p1"), one_of("g1"),
            one_of("recommend", "search"), one_of(True, False), one_of("c1", "c2", "c3", "c4", "c5"),
        )
        for number in range(draw(st.integers(0, 12)))
    ]  # fmt: skip


@st.composite
def _histories(draw: st.DrawFn) -> list[list[Line]]:
    """Of each line, how it stood at one moment after another: paid earlier, elsewhere, given back in part or whole."""
    histories = []
    for order, item in draw(st.lists(st.tuples(st.sampled_from("ab"), _ITEMS), unique=True, max_size=4)):
        user = draw(_USERS)
        histories.append(
            [
                Line(
                    user, order, item, T0 + draw(st.sampled_from([0, 0, 1, -1000])),
                    draw(st.sampled_from([0, 1, 2, 100, 10_007])), draw(st.sampled_from([0, 1_000_000, 333_333])),
                    draw(_PLACES), draw(st.booleans()),
                )
                for _ in range(draw(st.integers(1, 3)))
            ]
        )  # fmt: skip
    return histories


@st.composite
def _arrivals(draw: st.DrawFn) -> tuple[list[Step], list[Line], list[Touch]]:
    """Steps as they arrive: touches in any order and batches among the lines' updates; and how all finally stands."""
    touches, histories = draw(_touches()), draw(_histories())
    sources = [
        [[touch] for touch in draw(st.permutations(touches))],
        *([[line] for line in h] for h in histories),
    ]
    turns = draw(st.permutations([n for n, source in enumerate(sources) for _ in source]))
    queues = [iter(source) for source in sources]
    steps: list[Step] = []
    for turn in turns:
        step = next(queues[turn])
        if turn == 0 and steps and isinstance(steps[-1][0], Touch) and draw(st.booleans()):
            steps[-1] = [*steps[-1], *step]
        else:
            steps.append(step)
    return steps, [history[-1] for history in histories], touches


class Ledger:
    """Sums what a book gives and takes back, and keeps the last record of every line."""

    def __init__(self, book: CreditBook, windows: Sequence[str]) -> None:
        self.book, self.windows = book, windows
        self.totals: defaultdict[Total, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self.records: dict[tuple[str, str], Credit] = {}

    def take(self, step: Step) -> None:
        if step and isinstance(step[0], Touch):
            self.book.absorb_touches(touch_batch(step))  # type: ignore[arg-type]
        else:
            lines = line_batch(step)  # type: ignore[arg-type]
            self.book.absorb_lines(lines)
            told = np.array([line.is_new for line in step], np.int8)  # type: ignore[union-attr]
            self.book.tell_customers(lines["line"].to_numpy(), told)

    def settle(self) -> None:
        for family, batch in zip("an", self.book.settle(), strict=True):
            cells = zip(*(batch[name].to_pylist() for name in ("group", "id", "minute")), strict=True)
            for (group, name, minute), sums in zip(cells, batch[family].to_pylist(), strict=True):
                assert (name.split("\x1f")[0] in FURTHER) == (family == "n")
                window, model = divmod(group, MODELS_A_WINDOW)
                held = self.totals[ATTRIBUTION_WINDOWS[window], MODELS[model], name, minute]
                held[:] = [one + more for one, more in zip(held, sums, strict=True)]

    def publish(self) -> None:
        for order_id, item_id, body in self.book.take_credits():
            record = decode_credit(msgspec.msgpack.encode(body))
            columns = (record.event_ids, record.channels, record.ages_ms, record.flags)
            told = [
                (event_id, *name.split("\x1f", 1), age, flags)
                for event_id, name, age, flags in zip(*columns, strict=True)
            ]
            self.records[order_id, item_id] = record.pay_time_ms, record.net_minor, record.micro_orders, told

    def summary(self) -> dict[Total, Sums]:
        return {name: (sums[0], sums[1], sums[2], sums[3]) for name, sums in self.totals.items() if any(sums)}

    def hold_to(self, lines: list[Line], touches: list[Touch]) -> None:
        assert self.records == {
            (line.order_id, line.item): credit_of(line, touches, self.windows) for line in lines
        }
        assert self.summary() == totals_of(lines, touches, self.windows)


@contextmanager
def sealed_at(touches: int, merge: int = 2) -> Iterator[None]:
    """Seal stretches of so few touches, and merge so few of them, instead of half a million and eight."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_touches, "SEAL_ROWS", touches)
        patch.setattr(held_touches, "MERGE", merge)
        patch.setattr(merging, "PART_ROWS", touches)
        yield


_SEALS = st.sampled_from([1, 3, 1 << 20])
_DEFAULT = ("click_7d_view_1d",)
_SOME = st.sampled_from(
    [
        _DEFAULT,
        _DEFAULT,
        ("click_30m",),
        ("click_1d", "click_3d"),
        ("click_30m", "click_7d_view_1d"),
        tuple(WINDOWS),
    ]
)


def _ledger(windows: Sequence[str] = _DEFAULT) -> Ledger:
    return Ledger(CreditBook(MONTH, windows, FURTHER), windows)


@settings(max_examples=100, deadline=None)
@given(_arrivals(), st.sets(st.integers(0, 20)), st.sets(st.integers(0, 20), max_size=3), _SEALS, _SOME)
def test_whatever_the_order_of_arrival_every_line_ends_with_its_credit(
    arrivals: tuple[list[Step], list[Line], list[Touch]],
    settled: set[int],
    published: set[int],
    seal: int,
    windows: Sequence[str],
) -> None:
    steps, lines, touches = arrivals
    ledger = _ledger(windows)
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
@given(_arrivals(), st.integers(0, 20), st.booleans(), _SEALS)
def test_a_book_restored_in_the_middle_publishes_all_and_goes_on_the_same(
    arrivals: tuple[list[Step], list[Line], list[Touch]], stop: int, settled: bool, seal: int
) -> None:
    steps, lines, touches = arrivals
    before = _ledger()
    for step in steps[:stop]:
        with sealed_at(seal):
            before.take(step)
    if settled:
        before.settle()
    after = _ledger()
    after.totals = before.totals
    after.book.load(pickle.loads(pickle.dumps(before.book.state())))
    for step in steps[stop:]:
        with sealed_at(seal):
            after.take(step)
        after.settle()
    after.settle()
    after.publish()
    after.hold_to(lines, touches)


def _line(order: str, pay_time_ms: int, user: str = "u", net: int = 90) -> Line:
    return Line(user, order, "i1", pay_time_ms, net, 1_000_000, None)


def _click(event_id: str, time_ms: int, user: str = "u", coupon: str = "c1") -> Touch:
    return Touch(event_id, "click", time_ms, user, None, "i1", coupon)


def test_of_touches_at_one_time_the_higher_event_id_is_the_later() -> None:
    """By code point, wherever it stands: `z` before `é` before `事`, and a prefix before what it begins."""
    ids = ["事", "z", "é", "zz", "Z", "10", "9"]
    ledger = _ledger()
    ledger.take([_line("o", T0)])
    ledger.take([_click(event_id, T0) for event_id in ids])
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
    ledger = _ledger()
    ledger.take([_click("e", T0 - 5)])
    ledger.take([_line("o", T0)])
    ledger.settle()
    assert ledger.summary()
    ledger.take([_line("o", T0, net=0)._replace(micro_orders=0)])
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
    ledger = _ledger()
    ledger.take(touches)
    ledger.take([_line("o", T0)._replace(place=at_r1)])
    ledger.settle()
    final = _line("o", T0)._replace(place=at_r2)
    ledger.take([final])
    ledger.settle()
    ledger.publish()
    ledger.hold_to([final], touches)


def test_refunds_find_their_touches_after_the_touches_themselves_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(held_touches, "FORGET_LEAST", 1)
    touches = [_click(f"e{n}", T0 + n * DAY, f"u{n % 3}", f"c{n % 4}") for n in range(40)]
    lines = [_line(f"o{n}", T0 + n * DAY + 5, f"u{n % 3}") for n in range(40)]
    ledger = _ledger()
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
    touches = [_click(f"e{n}", T0 + n * DAY, f"u{n % 3}", f"c{n % 4}") for n in range(100)]
    lines = [_line(f"o{n}", T0 + n * DAY + 5, f"u{n % 3}") for n in range(100)]
    ledger = _ledger()
    for begin in range(0, 100, 10):
        ledger.take(touches[begin : begin + 10])
        ledger.take(lines[begin : begin + 10])
        ledger.settle()
        ledger.publish()
        ledger.book.forget(T0 + (begin + 5) * DAY)
    held = len(ledger.book.state()["line"]["rows"])
    assert 65 <= held < 100
    late = _click("late", T0 + 97 * DAY, "u1", "c9")
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
    lines = [_line(f"o{n}", at(), user())._replace(place=place()) for n in range(90)]
    ledger = _ledger()
    for number in range(30):
        with sealed_at(seal, merge):
            ledger.take(touches[100 * number : 100 * (number + 1)])
        ledger.take(lines[3 * number : 3 * (number + 1)])
        ledger.settle()
        if number % 10 == 5:
            state = pickle.loads(pickle.dumps(ledger.book.state()))
            ledger.book = _ledger().book
            ledger.book.load(state)
    ledger.publish()
    ledger.hold_to(lines, touches)


def test_stretches_whose_touches_are_all_too_old_are_dropped() -> None:
    ledger = _ledger()
    with sealed_at(2, merge=100):
        for n in range(40):
            ledger.take([_click(f"a{n}", T0 + n * DAY), _click(f"b{n}", T0 + n * DAY)])
            ledger.book.forget(T0 + n * DAY)
    assert len(ledger.book) <= 20
    late = _line("o", T0 + 39 * DAY)
    ledger.take([late])
    ledger.settle()
    ledger.publish()
    assert [told for told, *_ in ledger.records["o", "i1"][3]] == [
        f"{ab}{n}" for n in range(32, 40) for ab in "ab"
    ]


@settings(max_examples=60, deadline=None)
@given(_touches(), _histories(), _SOME)
def test_every_model_gives_each_lines_net_amount_and_a_refunded_one_nothing(
    touches: list[Touch], histories: list[list[Line]], windows: Sequence[str]
) -> None:
    lines = [history[-1] for history in histories]
    ledger = _ledger(windows)
    ledger.take(lines)
    ledger.take(touches)
    ledger.settle()
    per_kind: defaultdict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for (window, model, name, _), sums in ledger.summary().items():
        kind = name.split("\x1f")[0]
        held = per_kind[window, model, kind if kind in FURTHER else "channel"]
        held[:] = held[0] + sums[0], held[1] + sums[1]
    whole = [sum(line.net_minor for line in lines), sum(line.micro_orders for line in lines)]
    assert all(held == whole for held in per_kind.values())
    ledger.take([line._replace(net_minor=0, micro_orders=0) for line in lines])
    ledger.settle()
    assert ledger.summary() == {}


@pytest.mark.parametrize(
    ("model", "shares"),
    [
        ("last_touch", [0, 0, 0, 101]),
        ("first_touch", [101, 0, 0, 0]),
        ("last_paid_touch", [0, 101, 0, 0]),
        ("linear", [26, 25, 25, 25]),
        ("position", [41, 10, 10, 40]),
        ("time_decay", [15, 27, 30, 29]),
    ],
)
def test_a_line_by_hand(model: str, shares: list[int]) -> None:
    """Under `time_decay` a week-old click weighs a half, one of yesterday 2^(-1/7) = 0.906, those of now 1 each."""
    touches = [
        Touch("a", "click", T0 - 7 * DAY, "u", None, "i1", None, None, None, "search"),
        Touch("b", "click", T0 - DAY, "u", None, "i1", "c1"),
        Touch("c", "click", T0, "u", None, "i1", None, None, None, "share"),
        Touch("d", "click", T0, "u", None, "i1", None, None, None, "other"),
    ]
    line = _line("o", T0, net=101)
    assert [minor for _, minor, _ in shares_of(line, touches, "click_7d_view_1d", model)] == shares
    ledger = _ledger()
    ledger.take(touches)
    ledger.take([line])
    ledger.settle()
    names = ["traffic_source\x1fsearch", "coupon\x1fc1", "traffic_source\x1fshare", "traffic_source\x1fother"]
    found = ledger.summary()
    told = [found.get(("click_7d_view_1d", model, name, T0 // 60_000), (0, 0, 0))[0] for name in names]
    assert told == shares


@settings(max_examples=60, deadline=None)
@given(_arrivals(), st.sets(st.integers(0, 20)), _SOME)
def test_the_paths_of_what_is_given_and_taken_back_come_to_what_lines_finally_are(
    arrivals: tuple[list[Step], list[Line], list[Touch]], settled: set[int], windows: Sequence[str]
) -> None:
    steps, lines, touches = arrivals
    ledger, held = _ledger(windows), Counter[tuple[str, int, int, int, tuple[tuple[str, bool], ...]]]()

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
