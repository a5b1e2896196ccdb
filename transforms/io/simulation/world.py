"""What stays the same over all evenings: items, merchants, creators and who serves them."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from transforms.io.simulation.draws import Draws, Flags, Floats, Ints
from transforms.io.simulation.scenario import CATEGORIES, DAY_MS, Scenario

NONE: Final = -1
MERCHANT, CREATOR, TOP_KOL = range(3)
BRANDS_PER_MERCHANT: Final = 2
REGIONS: Final = 8
_LAUNCHED_LATELY: Final = 0.15
_PREMIUM: Final = 0.12


@dataclass(frozen=True)
class Items:
    """One entry an item; `appeal` multiplies the chance that a click becomes an order."""

    merchant: Ints
    brand: Ints
    category: Ints
    price_minor: Ints
    appeal: Floats
    launched_ms: Ints
    premium: Flags


@dataclass(frozen=True)
class Creators:
    """One entry a room's host; `mcn`, `merchant` and `base` are NONE where there is none."""

    kind: Ints
    category: Ints
    mcn: Ints
    merchant: Ints
    base: Ints
    followers: Ints
    popularity: Floats
    joined_ms: Ints


@dataclass(frozen=True)
class Merchants:
    """One entry a merchant; `slowness` multiplies how long it takes to ship, `returns` how often goods come back."""

    category: Ints
    provider: Ints
    region: Ints
    slowness: Floats
    returns: Floats
    joined_ms: Ints


@dataclass(frozen=True)
class World:
    """Everything that lasts."""

    items: Items
    creators: Creators
    merchants: Merchants
    providers: int
    mcns: int
    bases: int


def make_world(scenario: Scenario, draws: Draws) -> World:
    """Draw a world; there are about 25 items a merchant, 8 merchants a service provider, 5 rooms an MCN."""
    count, providers = max(4, scenario.items // 25), max(2, scenario.items // 200)
    mcns, bases = max(2, scenario.rooms // 5), max(1, scenario.rooms // 8)
    merchants = _merchants(count, providers, scenario.start_ms, draws)
    items = _items(scenario, merchants, draws)
    creators = _creators(scenario, merchants, mcns, bases, draws)
    return World(items, creators, merchants, providers, mcns, bases)


def _merchants(count: int, providers: int, start_ms: int, draws: Draws) -> Merchants:
    keys = np.arange(count)
    served = draws.share("merchant is served", keys) < 0.85
    provider = draws.below("merchant's provider", keys, providers)
    return Merchants(
        category=keys % CATEGORIES,
        provider=np.where(served, provider, NONE),
        region=draws.below("merchant's region", keys, REGIONS),
        slowness=0.5 + draws.share("merchant's slowness", keys) + 0.1 * (provider % 5),
        returns=0.5 + draws.share("merchant's returns", keys),
        joined_ms=start_ms - draws.between("merchant joined", keys, 10, 1_500) * DAY_MS,
    )


def _items(scenario: Scenario, merchants: Merchants, draws: Draws) -> Items:
    keys = np.arange(scenario.items)
    merchant = keys % len(merchants.category)
    stays = draws.share("item keeps to its merchant's category", keys) < 0.8
    category = np.where(stays, merchants.category[merchant], draws.below("item's category", keys, CATEGORIES))
    premium = draws.share("item is premium", keys) < _PREMIUM
    tens = draws.long_tailed("item's price", keys, 8, 50) + 1
    lately = draws.share("item was launched lately", keys) < _LAUNCHED_LATELY
    days = np.where(lately, draws.below("new for days", keys, 28), draws.between("for days", keys, 31, 900))
    return Items(
        merchant=merchant,
        brand=merchant * BRANDS_PER_MERCHANT + draws.below("item's brand", keys, BRANDS_PER_MERCHANT),
        category=category,
        price_minor=tens * 1_000 * np.where(premium, 3, 1) - 10,
        appeal=0.4 + 1.6 * draws.share("item's appeal", keys) * draws.share("item's luck", keys) * 2,
        launched_ms=scenario.start_ms - days * DAY_MS,
        premium=premium,
    )


def _creators(scenario: Scenario, merchants: Merchants, mcns: int, bases: int, draws: Draws) -> Creators:
    keys = np.arange(scenario.rooms)
    place = keys % 10
    kind = np.where(place == 0, TOP_KOL, np.where(place < 5, MERCHANT, CREATOR))
    merchant = np.where(
        kind == MERCHANT, draws.below("creator's merchant", keys, len(merchants.category)), NONE
    )
    own = draws.below("creator's category", keys, CATEGORIES)
    signed = (kind != MERCHANT) & (draws.share("creator has an MCN", keys) < 0.8)
    based = draws.share("creator has a base", keys) < 0.35
    fans = draws.long_tailed("creator's followers", keys, 20_000, 2_000_000)
    return Creators(
        kind=kind,
        category=np.where(merchant >= 0, merchants.category[np.maximum(merchant, 0)], own),
        mcn=np.where(signed, draws.below("creator's MCN", keys, mcns), NONE),
        merchant=merchant,
        base=np.where(based, draws.below("creator's base", keys, bases), NONE),
        followers=fans * np.where(kind == TOP_KOL, 20, 1),
        popularity=np.where(kind == TOP_KOL, 4.0, 1.0) / (2 + draws.below("creator's rank", keys, 12)),
        joined_ms=scenario.start_ms - draws.between("creator joined", keys, 5, 1_200) * DAY_MS,
    )
