"""The codes by which a block names what brought a user: plain sources, campaigns, promotions."""

from typing import Final

import numpy as np

from schemas.events import TRAFFIC_SOURCES
from transforms.io.simulation.draws import Ints
from transforms.io.simulation.promotions import Promotions
from transforms.io.simulation.scenario import Scenario
from transforms.io.simulation.sessions import CAMPAIGN_EVENINGS, Evening
from transforms.io.simulation.visits import SOURCE, Visits

FIRST_CAMPAIGN: Final = len(TRAFFIC_SOURCES)


def campaigns(scenario: Scenario) -> int:
    """Return how many campaigns there are."""
    return -(-scenario.evenings // CAMPAIGN_EVENINGS)


def first_promotion(scenario: Scenario) -> int:
    """Return the code of the promotion numbered 0."""
    return FIRST_CAMPAIGN + campaigns(scenario)


def traffic_of(scenario: Scenario, evening: Evening, promotions: Promotions, visits: Visits) -> Ints:
    """Return what each visit shows in its events; a held-out user who comes anyway shows a source of their own."""
    promoted = (visits.promotion >= 0) & ~visits.held_out
    own = np.where(visits.source == SOURCE["campaign"], FIRST_CAMPAIGN + evening.campaign, visits.source)
    return np.where(promoted, promotion_code(scenario, promotions, visits), own)


def promotion_code(scenario: Scenario, promotions: Promotions, visits: Visits) -> Ints:
    """Return the code of each visit's promotion; without meaning where it has none."""
    return first_promotion(scenario) + promotions.number[visits.promotion]
