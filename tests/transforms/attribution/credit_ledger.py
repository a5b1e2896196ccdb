"""Arrivals drawn for the credit book, and a ledger of what it publishes, to be held to the law."""

from collections import defaultdict
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
    line_batch,
    totals_of,
    touch_batch,
)
from hypothesis import strategies as st

from schemas.metrics import ATTRIBUTION_WINDOWS, MODELS, MODELS_A_WINDOW
from schemas.records import decode_credit
from transforms.attribution import held_touches, merging
from transforms.attribution.book import CreditBook

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
def drawn_touches(draw: st.DrawFn) -> list[Touch]:
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
def drawn_histories(draw: st.DrawFn) -> list[list[Line]]:
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
def drawn_arrivals(draw: st.DrawFn) -> tuple[list[Step], list[Line], list[Touch]]:
    """Steps as they arrive: touches in any order and batches among the lines' updates; and how all finally stands."""
    touches, histories = draw(drawn_touches()), draw(drawn_histories())
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


SEALS = st.sampled_from([1, 3, 1 << 20])
DEFAULT = ("click_7d_view_1d",)
SOME_WINDOWS = st.sampled_from(
    [
        DEFAULT,
        DEFAULT,
        ("click_30m",),
        ("click_1d", "click_3d"),
        ("click_30m", "click_7d_view_1d"),
        tuple(WINDOWS),
    ]
)


def ledger_of(windows: Sequence[str] = DEFAULT) -> Ledger:
    return Ledger(CreditBook(MONTH, windows, FURTHER), windows)


def line_of(order: str, pay_time_ms: int, user: str = "u", net: int = 90) -> Line:
    return Line(user, order, "i1", pay_time_ms, net, 1_000_000, None)


def click_of(event_id: str, time_ms: int, user: str = "u", coupon: str = "c1") -> Touch:
    return Touch(event_id, "click", time_ms, user, None, "i1", coupon)
