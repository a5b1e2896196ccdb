"""The coupons and ad plans of one evening, each with the effect that it truly has.

A promotion brings users into a room. Of those it reaches, a share would have come at the same moment by themselves
(`comes_anyway`), and in a promoted visit a click is `boost` times as likely to end in an order. So what a promotion
causes is what is bought in visits that would not have been, and by the boost; nothing else of a user's behaviour changes.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from transforms.io.simulation.draws import Draws, Flags, Floats, Ints
from transforms.io.simulation.interests import Interests
from transforms.io.simulation.scenario import Scenario
from transforms.io.simulation.sessions import Evening
from transforms.io.simulation.world import World

EFFECTIVE, NO_EFFECT, AT_BUYERS = range(3)
DESIGNS: Final = ("effective", "no_effect", "at_buyers")
HOLDOUT_SHARES: Final = (0.5, 0.3, 0.2)
_WITHOUT_HOLDOUT: Final = 5
"""One effective coupon in so many keeps nobody out, so that nobody can measure it."""

_COUPON_VISITS: Final = 0.20
_PLAN_VISITS: Final = 0.10
_MOST_REACHED: Final = 0.4
_FIRST_MINUTES_MS: Final = 300_000
_LAST_MINUTES_MS: Final = 600_000
_NO_BOOST: Final = 1.0


@dataclass(frozen=True)
class Promotions:
    """One entry a promotion, coupons first; `number` counts them over all evenings.

    `eligible` is how many users it is meant for, each at most once.
    """

    number: Ints
    coupons: int
    design: Ints
    room: Ints
    eligible: Ints
    holdout_share: Floats
    comes_anyway: Floats
    boost: Floats
    valid_from_ms: Ints
    valid_to_ms: Ints
    cost_per_view_minor: Ints


@dataclass(frozen=True)
class Reached:
    """One entry an eligible user of a promotion, and when their moment comes; `promotion` is its place in the evening."""

    promotion: Ints
    user: Ints
    time_ms: Ints
    held_out: Flags
    comes_anyway: Flags


def counts(scenario: Scenario) -> tuple[int, int]:
    """Return how many coupons and how many ad plans there are each evening."""
    return max(6, scenario.rooms // 4), max(3, scenario.rooms // 6)


def make_promotions(scenario: Scenario, evening: Evening, draws: Draws, visits: int) -> Promotions:
    """Draw an evening's promotions; the first coupon has no effect, the second is sent to those who buy anyway."""
    coupons, plans = counts(scenario)
    place = np.arange(coupons + plans)
    number = place + evening.number * (coupons + plans)
    design = np.where(place == 0, NO_EFFECT, np.where(place == 1, AT_BUYERS, EFFECTIVE))
    is_coupon = place < coupons
    open_rooms = np.flatnonzero(evening.live)
    room = open_rooms[draws.below("promotion's room", number, len(open_rooms))]
    share = np.where(is_coupon, _COUPON_VISITS / coupons, _PLAN_VISITS / plans)
    meant = (visits * share * (0.7 + 0.6 * draws.share("promotion's size", number))).astype(np.int64)
    held = np.array(HOLDOUT_SHARES)[draws.below("holdout share", number, len(HOLDOUT_SHARES))]
    measured = is_coupon & ~((design == EFFECTIVE) & (place % _WITHOUT_HOLDOUT == 2))
    by_itself = 0.1 + 0.5 * draws.share("share that comes anyway", number)
    boost = _NO_BOOST + 0.8 * draws.share("boost", number)
    return Promotions(
        number=number,
        coupons=coupons,
        design=design,
        room=room,
        eligible=np.clip(meant, 1, max(1, int(scenario.users * _MOST_REACHED))),
        holdout_share=np.where(measured, np.where(design == NO_EFFECT, 0.5, held), 0.0),
        comes_anyway=np.where(design == EFFECTIVE, by_itself, 1.0),
        boost=np.select([design == NO_EFFECT, design == AT_BUYERS], [_NO_BOOST, 1.02], boost),
        valid_from_ms=evening.start_ms[room] + _FIRST_MINUTES_MS,
        valid_to_ms=evening.end_ms[room],
        cost_per_view_minor=draws.between("cost per view", number, 20, 160),
    )


def reach(
    scenario: Scenario,
    world: World,
    promotions: Promotions,
    interests: Interests,
    draws: Draws,
) -> Reached:
    """Choose who is eligible for each promotion, and who of them is kept out at random."""
    users, places = [], []
    for place in range(len(promotions.number)):
        chosen = _eligible(scenario, world, promotions, interests, draws, place)
        users.append(chosen)
        places.append(np.full(len(chosen), place))
    user, promotion = np.concatenate(users), np.concatenate(places)
    keys = promotions.number[promotion] * (1 << 32) + user
    begins, ends = promotions.valid_from_ms, promotions.valid_to_ms - _LAST_MINUTES_MS
    return Reached(
        promotion=promotion,
        user=user,
        time_ms=draws.between("eligible at", keys, begins[promotion], ends[promotion]),
        held_out=draws.share("is held out", keys) < promotions.holdout_share[promotion],
        comes_anyway=draws.share("comes anyway", keys) < promotions.comes_anyway[promotion],
    )


def _eligible(
    scenario: Scenario, world: World, promotions: Promotions, interests: Interests, draws: Draws, place: int
) -> Ints:
    """Choose distinct users: anyone, or, of those whose lasting interest the room serves, buyers first."""
    every = np.arange(scenario.users)
    number, count = int(promotions.number[place]), int(promotions.eligible[place])
    order = draws.share("eligible user", number * (1 << 32) + every)
    if promotions.design[place] == AT_BUYERS:
        category = world.creators.category[promotions.room[place]]
        fits = interests.lasting(every) == category
        order += ~fits * 4.0 + ~interests.buys_often(every) * 0.5
        count = min(count, int(fits.sum()))
    chosen = np.argpartition(order, count)[:count]
    return np.sort(chosen)
