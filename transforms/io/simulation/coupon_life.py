"""What becomes of an evening's promotions: granted, activated, used up or run out, and at what cost."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from transforms.io.simulation.block import (
    ACTIVATED,
    ENDED,
    EXHAUSTED,
    EXPIRED,
    GRANTED,
    STARTED,
    Block,
    block,
)
from transforms.io.simulation.draws import Draws, Flags, Ints
from transforms.io.simulation.promotions import Promotions
from transforms.io.simulation.scenario import Scenario
from transforms.io.simulation.sessions import Evening
from transforms.io.simulation.traffic import first_promotion
from transforms.io.simulation.visits import Visits

_GRANTED_BEFORE_MS: Final = 3_600_000
_EARNED: Final = 0.5


@dataclass(frozen=True)
class Lives:
    """One entry a promotion: exposures delivered and bought (minor units for all), and when they were used up."""

    delivered: Ints
    bought: Ints
    cost_minor: Ints
    exhausted_ms: Ints
    by_task: Flags


def lives(promotions: Promotions, visits: Visits, draws: Draws) -> Lives:
    """Say how promotions end; about half buy a little less than what is delivered, and are used up."""
    count = len(promotions.number)
    exposed = np.flatnonzero((visits.promotion >= 0) & ~visits.held_out)
    promotion = visits.promotion[exposed]
    views = 1 + visits.items[exposed]
    delivered = np.bincount(promotion, views, count).astype(np.int64)
    share = draws.between("bought percent", promotions.number, 95, 130)
    bought = np.maximum(1, delivered * share // 100)
    exhausted = np.full(count, -1)
    for place in range(count):
        mine = promotion == place
        used = np.cumsum(views[mine])
        if len(used) and used[-1] >= bought[place]:
            exhausted[place] = visits.time_ms[exposed][mine][np.searchsorted(used, bought[place])]
    by_task = draws.share("earned by a task", promotions.number) < _EARNED
    return Lives(delivered, bought, bought * promotions.cost_per_view_minor, exhausted, by_task)


def events_of_coupons(
    scenario: Scenario, evening: Evening, promotions: Promotions, life: Lives
) -> list[Block]:
    """Return the coupons' changes of status."""
    place = np.arange(promotions.coupons)
    every = block(
        promotions.coupons,
        session=evening.code[promotions.room[place]],
        amount=promotions.number[place],
        traffic=first_promotion(scenario) + promotions.number[place],
    )
    begins, ends = promotions.valid_from_ms[place], promotions.valid_to_ms[place]
    used_up = life.exhausted_ms[place]
    changes = (
        (GRANTED, begins - _GRANTED_BEFORE_MS, np.ones(len(place), np.bool_)),
        (ACTIVATED, begins, np.ones(len(place), np.bool_)),
        (EXHAUSTED, used_up, used_up >= 0),
        (EXPIRED, ends, used_up < 0),
    )
    return [
        {
            name: column[chosen]
            for name, column in (every | {"kind": np.full(len(place), kind), "time": time}).items()
        }
        for kind, time, chosen in changes
    ]


def events_of_broadcasts(evening: Evening) -> list[Block]:
    """Return starts and ends of the evening's sessions."""
    rooms = np.flatnonzero(evening.live)
    return [
        block(len(rooms), kind=kind, time=time[rooms], session=evening.code[rooms], item=-1)
        for kind, time in ((STARTED, evening.start_ms), (ENDED, evening.end_ms))
    ]
