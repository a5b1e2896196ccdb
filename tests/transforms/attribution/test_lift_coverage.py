"""The lift's interval over other baskets and seeds than its own tests have; the benchmark has more of both."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))

from coupon_coverage import FIRST_SEED, coverage

SEEDS = 40


@pytest.mark.parametrize(
    ("world", "share"), [("weibull", 0.2), ("wide", 0.05), ("again", 0.2), ("few large", 0.2)]
)
def test_without_an_effect_the_interval_holds_nothing_and_calls_nothing_positive(world, share):
    found = coverage(world, share, 0.0, range(FIRST_SEED, FIRST_SEED + SEEDS))
    assert found.covered >= 0.95 * SEEDS
    assert found.positive <= 0.05 * SEEDS


@pytest.mark.parametrize(("world", "share"), [("weibull", 0.2), ("wide", 0.05), ("again", 0.2)])
def test_an_effect_is_held_at_all_looks(world, share):
    found = coverage(world, share, 0.02, range(FIRST_SEED, FIRST_SEED + SEEDS))
    assert found.covered >= 0.95 * SEEDS
    assert found.last_width < found.middle_width
