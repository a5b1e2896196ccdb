"""Measures how often the interval around a coupon's lift leaves the truth out, when looked at again and again.

    python benchmarks/coupon_coverage.py --seeds 200

Synthetic coupons of 20,000 users each, a share of them held out at random, looked at after every 1,000. Who buys, how
much and how often differs by world; most users buy nothing, and a few buy very much. It counts coupons whose interval held
the true lift at every look (95 % are promised), and those ever called positive: where nothing is caused, 5 % at most.
The seeds begin where no test's do.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from transforms.attribution.incrementality import Arm, Lift, lift_of

FIRST_SEED: Final = 77_000
USERS: Final = 20_000
LOOK_EVERY: Final = 1_000
BUYING: Final = 0.04
"""The share of users who would buy anyway."""

Amounts = npt.NDArray[np.int64]
Spend = Callable[[np.random.Generator, int], Amounts]


def weibull(rng: np.random.Generator, users: int) -> Amounts:
    """Baskets of 40 yuan on average, most of them far below, a hundredth above 400."""
    return (2000 * rng.weibull(0.5, users)).astype(np.int64)


def wide(rng: np.random.Generator, users: int) -> Amounts:
    """Lognormal baskets wider than any test's: a thousandth costs a hundred and forty times the median."""
    return rng.lognormal(8.0, 1.6, users).astype(np.int64)


def again(rng: np.random.Generator, users: int) -> Amounts:
    """One order or more a buyer, each fifth of them wholly refunded."""
    orders = 1 + rng.poisson(0.5, users)
    kept = rng.binomial(orders, 0.8)
    return (kept * rng.lognormal(9.0, 1.0, users)).astype(np.int64)


def few_large(rng: np.random.Generator, users: int) -> Amounts:
    """29 yuan, and for one buyer in two hundred 4,999."""
    return np.where(rng.random(users) < 0.005, 499_900, 2_900)


WORLDS: Final[dict[str, Spend]] = {"weibull": weibull, "wide": wide, "again": again, "few large": few_large}
SHARES: Final = (0.05, 0.2)
EFFECTS: Final = (0.0, 0.02)
"""By how much more of the exposed buy."""


class Found(NamedTuple):
    """Of how many coupons the interval held the truth throughout, how many were ever called positive, and widths."""

    world: str
    held_out: float
    effect_minor: float
    covered: int
    positive: int
    middle_width: float
    last_width: float


def mean_of(spend: Spend) -> float:
    """Return the mean basket of a world, from many."""
    return float(spend(np.random.default_rng(1), 4_000_000).mean())


def looks(rng: np.random.Generator, spend: Spend, effect: float, share: float) -> Iterator[Lift]:
    """Yield the lift after every thousand users, as far as there is an interval."""
    held_out = rng.random(USERS) < share
    buys = rng.random(USERS) < np.where(held_out, BUYING, BUYING + effect)
    net = np.where(buys, spend(rng, USERS), 0)
    arms = [Arm(0, 0, 0), Arm(0, 0, 0)]
    for begin in range(0, USERS, LOOK_EVERY):
        part = slice(begin, begin + LOOK_EVERY)
        for side in (False, True):
            own = net[part][held_out[part] == side]
            squares = sum(value * value for value in own[own > 0].tolist())
            held = arms[side]
            arms[side] = Arm(held.users + len(own), held.net_minor + int(own.sum()), held.squares + squares)
        lift = lift_of(*arms, share)
        if lift is not None and lift.low_minor is not None:
            yield lift


def coverage(world: str, share: float, effect: float, seeds: range) -> Found:
    """Simulate one coupon a seed."""
    spend = WORLDS[world]
    truth = effect * mean_of(spend)
    covered = positive = 0
    middle, last = [], []
    for seed in seeds:
        seen = [
            (lift.low_minor or 0.0, lift.high_minor or 0.0)
            for lift in looks(np.random.default_rng(seed), spend, effect, share)
        ]
        covered += all(low <= truth <= high for low, high in seen)
        positive += any(low > 0 for low, _ in seen)
        widths = [high - low for low, high in seen]
        middle.append(widths[len(widths) // 2])
        last.append(widths[-1])
    return Found(
        world, share, round(truth, 1), covered, positive, float(np.median(middle)), float(np.median(last))
    )


def main() -> None:
    """Print one line a world, hold-out and effect, or one JSON document."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--seeds", type=int, default=200, help="coupons of each kind (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
    options = parser.parse_args()
    seeds, found = range(FIRST_SEED, FIRST_SEED + options.seeds), list[dict[str, Any]]()
    for world in WORLDS:
        for share in SHARES:
            for effect in EFFECTS:
                row = coverage(world, share, effect, seeds)
                found.append(row._asdict())
                if not options.json:
                    print("  ".join(f"{name} {value}" for name, value in row._asdict().items()), flush=True)
    if options.json:
        print(json.dumps({"seeds": options.seeds, "users": USERS, "coupons": found}, indent=2))


if __name__ == "__main__":
    main()
