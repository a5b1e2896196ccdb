"""What a coupon caused: the intention-to-treat lift over its hold-out, with an interval that may be looked at at any time.

Attributed is not caused: those who would have bought anyway are credited to their last touch too. So a share of the users
who were eligible for the coupon's exposure is kept out at random, and the mean net GMV of the eligible users who were not
is compared with the mean of those who were, whatever they did then.

The interval is the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform
central limit theory and asymptotic confidence sequences (2021, arXiv:2103.06476): the Gaussian mixture boundary
(Theorem 2.2) around the mean of the pseudo-outcomes of a randomised experiment (section 3.1), with an arm's mean as its
regression. It holds at all looks together, not at one look chosen beforehand, as the number of users grows; there is
none before each arm has `LEAST_USERS`. While a coupon runs, users' spending is as it is so far, and so is the lift.

Sums are whole numbers of any size, and each figure is rounded once at its end, so that it depends on the set of users
alone.

>>> lift_of(Arm(1000, 50_000, 9_000_000), Arm(250, 10_000, 1_600_000), holdout_share=0.2)
Lift(mean_minor=10.0, low_minor=-10.04, high_minor=30.04)
"""

from dataclasses import dataclass
from fractions import Fraction
from math import log, sqrt
from typing import Final, NamedTuple

ALPHA: Final = 0.05
LEAST_USERS: Final = 100
TUNED_FOR_USERS: Final = 10_000
"""The interval is narrowest, for its kind, at about so many users; it holds at any number."""
_DIGITS: Final = 2


class Arm(NamedTuple):
    """The users of one arm: how many, the sum of their net GMV, and the sum of its squares."""

    users: int
    net_minor: int
    squares: int

    @property
    def mean(self) -> Fraction:
        """Mean net GMV a user."""
        return Fraction(self.net_minor, self.users)

    @property
    def variance(self) -> Fraction:
        """Variance of net GMV over users."""
        return Fraction(self.squares, self.users) - self.mean**2


class Lift(NamedTuple):
    """Minor units a user, in hundredths: the difference of means and the ends of its interval, if there is one."""

    mean_minor: float
    low_minor: float | None
    high_minor: float | None


@dataclass(frozen=True, slots=True)
class Incrementality:
    """What is published of one coupon; None where there is nothing to divide by, or too few users."""

    exposed_users: int
    held_out_users: int
    exposed_net_minor: int
    held_out_net_minor: int
    lift: Lift | None
    incremental_minor: Lift | None
    cost_minor: int | None
    incremental_roi: float | None
    attributed_minor: int
    anyway_share: float | None
    """Of what was attributed to the coupon, the share that would have come without it; below 0 if it caused more."""


def lift_of(exposed: Arm, held_out: Arm, holdout_share: float) -> Lift | None:
    """Return the lift of a mean, None where an arm is empty."""
    if not exposed.users or not held_out.users:
        return None
    mean = exposed.mean - held_out.mean
    if min(exposed.users, held_out.users) < LEAST_USERS or not 0 < holdout_share < 1:
        return Lift(_rounded(mean), None, None)
    margin = _deviation(exposed, held_out, holdout_share) * unit_margin(exposed.users + held_out.users)
    return Lift(_rounded(mean), _rounded(float(mean) - margin), _rounded(float(mean) + margin))


def _deviation(exposed: Arm, held_out: Arm, holdout_share: float) -> float:
    """Return the standard deviation of the pseudo-outcomes (mean₁ − mean₀) + (A/π − (1−A)/(1−π)) (Y − mean_A).

    An arm's variance is taken for no less than that of both together. A few hundred users held out may have no large
    basket among them yet, and by their own variance alone the interval was left 15 times in 100 in simulations of such.
    """
    kept_out = Fraction(holdout_share)
    both = Arm(*map(sum, zip(exposed, held_out, strict=True)))
    squares = exposed.users * max(exposed.variance, both.variance) / (1 - kept_out) ** 2
    squares += held_out.users * max(held_out.variance, both.variance) / kept_out**2
    users = both.users
    return sqrt(squares / users)


def unit_margin(users: int, alpha: float = ALPHA) -> float:
    """Return half the interval's width for outcomes of deviation 1: the boundary of Theorem 2.2."""
    # ρ² that about minimises the margin at TUNED_FOR_USERS.
    rho2 = (-2 * log(alpha) + log(-2 * log(alpha)) + 1) / TUNED_FOR_USERS
    grown = users * rho2 + 1
    return sqrt(2 * grown / (users**2 * rho2) * log(sqrt(grown) / alpha))


def incrementality(
    exposed: Arm, held_out: Arm, holdout_share: float, cost_minor: int | None, attributed_minor: int
) -> Incrementality:
    """Return what is published of a coupon, from its two arms, its cost, and what was attributed to it."""
    lift = lift_of(exposed, held_out, holdout_share)
    caused = None if lift is None else _times(lift, exposed.users)
    whole = None if lift is None else (exposed.mean - held_out.mean) * exposed.users
    return Incrementality(
        exposed.users, held_out.users, exposed.net_minor, held_out.net_minor, lift, caused, cost_minor,
        float(whole / cost_minor) if whole is not None and cost_minor else None,
        attributed_minor,
        float(1 - whole / attributed_minor) if whole is not None and attributed_minor else None,
    )  # fmt: skip


def _times(lift: Lift, users: int) -> Lift:
    return Lift(*(None if end is None else _rounded(end * users) for end in lift))  # type: ignore[arg-type]


def _rounded(value: float | Fraction) -> float:
    return round(float(value), _DIGITS)
