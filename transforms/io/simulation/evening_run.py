"""One evening, simulated: its plan first, then its visits a stretch at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from transforms.io.simulation.block import Block, joined
from transforms.io.simulation.coupon_life import Lives, events_of_broadcasts, events_of_coupons, lives
from transforms.io.simulation.draws import Draws, Ints
from transforms.io.simulation.effects import Effects
from transforms.io.simulation.happenings import Lines, events_of_items, events_of_orders, events_of_visits
from transforms.io.simulation.interests import Interests
from transforms.io.simulation.orders import fates, times
from transforms.io.simulation.promotions import Promotions, make_promotions, reach
from transforms.io.simulation.scenario import Scenario
from transforms.io.simulation.sessions import Evening, make_evening
from transforms.io.simulation.shopping import Shown, shop
from transforms.io.simulation.traffic import promotion_code, traffic_of
from transforms.io.simulation.visits import Visits, make_visits, wanted_visits
from transforms.io.simulation.world import World

VISITS_AT_ONCE: Final = 20_000


@dataclass(frozen=True)
class Plan:
    """All of an evening but what people do in their visits."""

    evening: Evening
    promotions: Promotions
    visits: Visits
    life: Lives
    effects: Effects


@dataclass(frozen=True)
class Stretch:
    """Some visits in order of time: their events, what was shown, which of it became order lines.

    No event of a later stretch is before `until_ms`.
    """

    visits: Visits
    traffic: Ints
    shown: Shown
    lines: Lines
    events: Block
    until_ms: int


class Simulator:
    """Simulates evenings of one world."""

    def __init__(self, scenario: Scenario, world: World, draws: Draws) -> None:
        self._scenario, self._world, self._draws = scenario, world, draws
        self.interests = Interests(draws)

    def plan(self, number: int) -> Plan:
        """Plan an evening; costs some 500 bytes a visit while it lasts."""
        scenario, world, draws = self._scenario, self._world, self._draws
        evening = make_evening(scenario, world, draws, number)
        promotions = make_promotions(scenario, evening, draws, wanted_visits(scenario))
        reached = reach(scenario, world, promotions, self.interests, draws)
        visits = make_visits(scenario, world, evening, promotions, reached, self.interests, draws)
        return Plan(evening, promotions, visits, lives(promotions, visits, draws), Effects.none(promotions))

    def stretches(self, plan: Plan) -> Iterator[Stretch]:
        """Run the visits; sums the promotions' effects into the plan."""
        every = plan.visits
        opening = events_of_coupons(self._scenario, plan.evening, plan.promotions, plan.life)
        opening += events_of_broadcasts(plan.evening)
        for begin in range(0, len(every.id), VISITS_AT_ONCE):
            end = begin + VISITS_AT_ONCE
            stretch = self._stretch(plan, every.take(slice(begin, end)), opening)
            later = every.time_ms[end : end + 1]
            yield replace(stretch, until_ms=int(later[0]) if len(later) else stretch.until_ms)
            opening = []

    def _stretch(self, plan: Plan, visits: Visits, opening: list[Block]) -> Stretch:
        evening, draws = plan.evening, self._draws
        traffic = traffic_of(self._scenario, evening, plan.promotions, visits)
        ghosts = promotion_code(self._scenario, plan.promotions, visits)
        shown = shop(self._world, evening, plan.promotions, visits, self.interests, draws)
        lines = self._lines(visits, shown)
        self._add_effects(plan, visits, shown)
        events = [
            *opening,
            *events_of_visits(evening, visits, traffic, ghosts, draws),
            *events_of_items(evening, visits, traffic, shown, draws),
            *events_of_orders(evening, visits, traffic, shown, lines),
        ]
        return Stretch(visits, traffic, shown, lines, joined(events), int(visits.time_ms[-1]))

    def _lines(self, visits: Visits, shown: Shown) -> Lines:
        row = np.flatnonzero(shown.buys)
        order, line, item = visits.id[shown.visit[row]], shown.key[row], shown.item[row]
        fate = fates(self._world, self._draws, order, line, item)
        when = times(self._world, self._draws, order, line, item, shown.click_time_ms[row], fate)
        return Lines(row, fate, when)

    def _add_effects(self, plan: Plan, visits: Visits, shown: Shown) -> None:
        row = np.flatnonzero(visits.promotion[shown.visit] >= 0)
        order, line = visits.id[shown.visit[row]], shown.key[row]
        fate = fates(self._world, self._draws, order, line, shown.item[row])
        plan.effects.add(visits, shown, row, fate.net_minor)
