"""Arms of coupons and what their users spent, against the definition, in any order and any batches."""

import pickle
import random
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.attribution import exposures as module
from transforms.attribution.coupon_arms import CouponArms
from transforms.attribution.exposures import Exposures
from transforms.attribution.incrementality import Arm
from transforms.state.hashing import hash_strings

T0 = 1_772_928_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
LATENESS = 3 * HOUR
REFUNDS = 30 * DAY
_OFFSETS = st.integers(0, 60).map(lambda hours: T0 + hours * HOUR)


class Exposure(NamedTuple):
    time_ms: int
    user: str
    coupon: str
    exposed: int


class Spending(NamedTuple):
    """What a line paid at a time gains or loses; it is told at `told_ms`: a refund later."""

    time_ms: int
    user: str
    amount: int
    told_ms: int


class End(NamedTuple):
    time_ms: int
    coupon: str
    valid_to_ms: int


Step = Exposure | Spending | End
_USERS, _COUPONS = st.sampled_from(["u1", "u2", "u3"]), st.sampled_from(["c1", "c2"])
_EXPOSURES = st.lists(st.builds(Exposure, _OFFSETS, _USERS, _COUPONS, st.integers(0, 1)), max_size=15)
_SPENDINGS = st.lists(
    st.builds(
        lambda time, user, amount, back, days: [
            Spending(time, user, amount, time), *([Spending(time, user, -back, time + days * DAY)] if back else [])
        ],
        _OFFSETS, _USERS, st.sampled_from([1, 700, 10**15]), st.sampled_from([0, 1, 2000]), st.integers(0, 25),
    ),
    max_size=12,
)  # fmt: skip
_ENDS = st.dictionaries(_COUPONS, _OFFSETS)


def arms_by(steps: list[Step]) -> dict[tuple[str, int], Arm]:
    """Both arms of each coupon by the definition, over everything that ever happened."""
    ends = {step.coupon: step.valid_to_ms for step in steps if isinstance(step, End)}
    first: dict[tuple[str, str], tuple[int, int]] = {}
    for step in steps:
        if isinstance(step, Exposure):
            key = step.coupon, step.user
            first[key] = min(first.get(key, (2**62, 0)), (step.time_ms, step.exposed))
    nets: dict[tuple[str, int], list[int]] = {}
    for (coupon, user), (since, exposed) in first.items():
        upto = ends.get(coupon, 2**61)
        if since <= upto:
            own = [s for s in steps if isinstance(s, Spending) and s.user == user]
            nets.setdefault((coupon, exposed), []).append(
                sum(s.amount for s in own if since <= s.time_ms <= upto + DAY)
            )
    return {key: Arm(len(held), sum(held), sum(net**2 for net in held)) for key, held in nets.items()}


def absorb(book: Exposures, arms: CouponArms, steps: list[Step]) -> None:
    """One batch of each kind, in an order of kinds that the steps decide."""
    kinds: dict[type, list[Step]] = {}
    for step in steps:
        kinds.setdefault(type(step), []).append(step)
    for kind, held in kinds.items():
        columns = dict(zip(kind._fields, map(np.array, zip(*held, strict=True)), strict=True))
        hashes = {
            name: hash_strings(columns[name].tolist()) for name in ("user", "coupon") if name in columns
        }
        if kind is Exposure:
            told = book.absorb_exposures(
                hashes["user"], hashes["coupon"], columns["time_ms"], columns["exposed"]
            )
        elif kind is Spending:
            told = book.absorb_spending(hashes["user"], columns["time_ms"], columns["amount"])
        else:
            told = book.absorb_ends(hashes["coupon"], columns["valid_to_ms"])
        arms.absorb(told)


def told_by(arms: CouponArms) -> dict[tuple[str, int], Arm]:
    out = {}
    for coupon in ("c1", "c2"):
        for arm in (0, 1):
            held = arms.arm(int(hash_strings([coupon])[0]), arm)
            if held.users:
                out[coupon, arm] = held
    return out


def when(step: Step) -> int:
    return step.told_ms if isinstance(step, Spending) else step.time_ms


@st.composite
def _steps(draw: st.DrawFn) -> list[Step]:
    ends = [End(T0, coupon, valid_to) for coupon, valid_to in draw(_ENDS).items()]
    return [*draw(_EXPOSURES), *(part for parts in draw(_SPENDINGS) for part in parts), *ends]


@settings(max_examples=250, deadline=None)
@given(steps=_steps(), order=st.randoms(use_true_random=False), size=st.integers(1, 9))
def test_arms_are_those_of_the_definition_in_any_order_and_batches(steps, order, size):
    shuffled = steps.copy()
    order.shuffle(shuffled)
    book, arms = Exposures(REFUNDS), CouponArms()
    for begin in range(0, len(shuffled), size):
        absorb(book, arms, shuffled[begin : begin + size])
        restored, again = Exposures(REFUNDS), CouponArms()
        restored.load(pickle.loads(pickle.dumps(book.state())))
        again.load(pickle.loads(pickle.dumps(arms.state())))
        book, arms = restored, again
    assert told_by(arms) == arms_by(steps)


@settings(max_examples=250, deadline=None)
@given(steps=_steps(), seed=st.integers(0, 10**6))
def test_what_is_let_go_of_changes_nothing_while_refunds_come_in_time(steps, seed):
    order = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SWEEPS_A_HORIZON", 10**12)
        book, arms, watermark = Exposures(REFUNDS), CouponArms(), 0
        for step in sorted(steps, key=lambda step: when(step) + order.randint(0, LATENESS)):
            absorb(book, arms, [step])
            watermark = max(watermark, when(step))
            book.settle(watermark - LATENESS)
    assert told_by(arms) == arms_by(steps)


def test_state_ends_with_what_may_still_change(monkeypatch):
    monkeypatch.setattr(module, "_SWEEPS_A_HORIZON", 10**12)
    book, arms = Exposures(REFUNDS), CouponArms()
    steps: list[Step] = [End(T0, "c1", T0 + 10 * HOUR)]
    for n in range(400):
        steps += [
            Exposure(T0 + n * 60_000, f"u{n}", "c1", n % 2),
            Spending(T0 + n * 60_000 + 1, f"u{n}", 5, 0),
        ]
    absorb(book, arms, steps)
    assert len(book) == 400
    book.settle(T0 + 10 * HOUR + DAY + REFUNDS + HOUR)
    assert len(book) == 0
    assert told_by(arms) == {("c1", 0): Arm(200, 1000, 5000), ("c1", 1): Arm(200, 1000, 5000)}
