"""The lift's interval over simulated hold-outs with heavy tails, looked at again and again; and its arithmetic."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from scipy import optimize

from transforms.attribution.incrementality import (
    LEAST_USERS,
    TUNED_FOR_USERS,
    Arm,
    incrementality,
    lift_of,
    unit_margin,
)

SEEDS = 200
USERS = 20_000
LOOK_EVERY = 1_000
Spend = Callable[[np.random.Generator, int], np.ndarray]


def lognormal(rng: np.random.Generator, users: int) -> np.ndarray:
    """Baskets around 80 yuan, a thousandth of them above 3,000."""
    return rng.lognormal(9.0, 1.2, users)


def pareto(rng: np.random.Generator, users: int) -> np.ndarray:
    """Baskets from 30 yuan on with hardly a variance."""
    return 3000 * (1 + rng.pareto(2.5, users))


MEANS = {lognormal: np.exp(9.0 + 1.2**2 / 2), pareto: 3000 * 2.5 / 1.5}


def looks(
    rng: np.random.Generator, spend: Spend, bought: tuple[float, float], holdout: float
) -> list[tuple[Arm, Arm]]:
    """The two arms after every thousand users; `bought` is the share of buyers held out, and exposed."""
    held_out = rng.random(USERS) < holdout
    buys = rng.random(USERS) < np.where(held_out, *bought)
    net = np.where(buys, spend(rng, USERS), 0).astype(np.int64)

    def arm(chosen: np.ndarray) -> Arm:
        values = net[chosen]
        return Arm(len(values), int(values.sum()), sum(int(value) ** 2 for value in values[values > 0]))

    out = []
    sums = [Arm(0, 0, 0), Arm(0, 0, 0)]
    for begin in range(0, USERS, LOOK_EVERY):
        part = np.arange(USERS) // LOOK_EVERY == begin // LOOK_EVERY
        for side, chosen in enumerate((part & ~held_out, part & held_out)):
            sums[side] = Arm(*map(sum, zip(sums[side], arm(chosen), strict=True)))
        out.append((sums[0], sums[1]))
    return out


@pytest.mark.parametrize("holdout", [0.1, 0.5])
@pytest.mark.parametrize("spend", [lognormal, pareto])
@pytest.mark.parametrize("effect", [0.0, 0.02])
def test_the_interval_never_leaves_the_truth_out_in_95_of_100_coupons(spend, effect, holdout):
    truth = effect * MEANS[spend]
    covered = positive = 0
    widths = []
    for seed in range(SEEDS):
        seen = [
            lift_of(*arms, holdout)
            for arms in looks(np.random.default_rng(seed), spend, (0.05, 0.05 + effect), holdout)
        ]
        ends = [(lift.low_minor, lift.high_minor) for lift in seen if lift.low_minor is not None]
        assert len(ends) > USERS // LOOK_EVERY - 2
        covered += all(low <= truth <= high for low, high in ends)
        positive += any(low > 0 for low, _ in ends)
        widths.append(ends[-1][1] - ends[-1][0])
    print(f"{spend.__name__} effect {truth:.0f} holdout {holdout}: covered {covered}/{SEEDS}, "  # noqa: T201
          f"called positive {positive}/{SEEDS}, last width {np.median(widths):.0f}")  # fmt: skip
    assert covered >= 0.95 * SEEDS
    if not effect:
        assert positive <= 0.05 * SEEDS
    elif holdout == 0.5 and spend is pareto:
        assert positive > 0.5 * SEEDS


def test_the_estimate_is_the_difference_of_means_and_its_deviation_that_of_pseudo_outcomes():
    rng = np.random.default_rng(5)
    holdout, users = 0.3, 40_000
    held_out = rng.random(users) < holdout
    net = rng.integers(-500, 90_000, users)
    arms = [Arm(len(v), int(v.sum()), sum(int(x) ** 2 for x in v)) for v in (net[~held_out], net[held_out])]
    lift = lift_of(*arms, holdout)
    means = net[~held_out].mean(), net[held_out].mean()
    residual = np.where(held_out, -(net - means[1]) / holdout, (net - means[0]) / (1 - holdout))
    assert lift.mean_minor == pytest.approx(means[0] - means[1], abs=0.01)
    assert np.mean(means[0] - means[1] + residual) == pytest.approx(lift.mean_minor, abs=0.01)
    assert lift.high_minor - lift.mean_minor == pytest.approx(residual.std() * unit_margin(users), rel=0.01)
    assert lift.high_minor - lift.mean_minor >= residual.std() * unit_margin(users) - 0.01


def test_the_boundary_is_that_of_the_normal_mixture():
    """Of a Brownian motion mixed over drifts N(0, ρ²), the likelihood ratio at the boundary is 1/α (Ville's inequality)."""
    alpha = 0.05
    rho2 = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha)) + 1) / TUNED_FOR_USERS
    for users in (100, 3_000, 250_000):

        def log_ratio(mean: float, t: int = users) -> float:
            return rho2 * (t * mean) ** 2 / (2 * (t * rho2 + 1)) - np.log(t * rho2 + 1) / 2 + np.log(alpha)

        assert unit_margin(users) == pytest.approx(optimize.brentq(log_ratio, 0, 100), rel=1e-9)


def test_it_is_narrowest_for_its_kind_where_it_is_tuned():
    def margin(log_rho2: float) -> float:
        grown = TUNED_FOR_USERS * np.exp(log_rho2) + 1
        return float(
            np.sqrt(2 * grown / (TUNED_FOR_USERS**2 * np.exp(log_rho2)) * np.log(np.sqrt(grown) / 0.05))
        )

    best = optimize.minimize_scalar(margin, bounds=(-15, 0), method="bounded").fun
    assert unit_margin(TUNED_FOR_USERS) == pytest.approx(best, rel=0.01)


def test_few_users_have_a_lift_but_no_interval_and_empty_arms_neither():
    few = Arm(LEAST_USERS - 1, 500, 900)
    assert lift_of(Arm(1000, 500, 900), few, 0.1)[1:] == (None, None)
    assert lift_of(Arm(1000, 500, 900), Arm(0, 0, 0), 0.1) is None
    assert incrementality(Arm(0, 0, 0), Arm(0, 0, 0), 0.1, 5, 5).incremental_roi is None


def test_what_was_caused_is_the_lift_of_all_exposed_users():
    told = incrementality(Arm(900, 90_000, 10**8), Arm(300, 24_000, 10**8), 0.25, 6_000, 45_000)
    assert told.lift.mean_minor == 20.0
    assert told.incremental_minor.mean_minor == 18_000.0
    assert told.incremental_roi == 3.0
    assert told.anyway_share == float(1 - Fraction(18_000, 45_000))
    assert incrementality(Arm(900, 1, 1), Arm(300, 1, 1), 0.25, 0, 0).incremental_roi is None


def test_sums_beyond_64_bits_are_exact():
    user = 10**15
    arm = Arm(10**6, user * 10**6, user**2 * 10**6)
    lift = lift_of(arm, arm, 0.5)
    assert lift == (0.0, 0.0, 0.0)
