"""What each model gives of a line, against its definition and by hand."""

from collections import defaultdict
from collections.abc import Sequence

import pytest
from attribution_law import (
    DAY,
    FURTHER,
    Line,
    Touch,
    shares_of,
)
from credit_ledger import SOME_WINDOWS, T0, drawn_histories, drawn_touches, ledger_of, line_of
from hypothesis import given, settings


@settings(max_examples=60, deadline=None)
@given(drawn_touches(), drawn_histories(), SOME_WINDOWS)
def test_every_model_gives_each_lines_net_amount_and_a_refunded_one_nothing(
    touches: list[Touch], histories: list[list[Line]], windows: Sequence[str]
) -> None:
    lines = [history[-1] for history in histories]
    ledger = ledger_of(windows)
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
    line = line_of("o", T0, net=101)
    assert [minor for _, minor, _ in shares_of(line, touches, "click_7d_view_1d", model)] == shares
    ledger = ledger_of()
    ledger.take(touches)
    ledger.take([line])
    ledger.settle()
    names = ["traffic_source\x1fsearch", "coupon\x1fc1", "traffic_source\x1fshare", "traffic_source\x1fother"]
    found = ledger.summary()
    told = [found.get(("click_7d_view_1d", model, name, T0 // 60_000), (0, 0, 0))[0] for name in names]
    assert told == shares
