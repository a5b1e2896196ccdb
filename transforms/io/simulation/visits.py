"""Who comes into which session when, and what brought them: one evening's visits, in order of time.

Most visits are of people's own accord, to one of three sessions drawn by popularity, the one that the user is most
interested in. The others are promoted, and those of them that are held out stay in the list: they come only if they
would have come anyway.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from schemas.events import TRAFFIC_SOURCES
from transforms.io.simulation.draws import Draws, Flags, Floats, Ints, picked
from transforms.io.simulation.interests import Interests
from transforms.io.simulation.promotions import Promotions, Reached
from transforms.io.simulation.scenario import Scenario
from transforms.io.simulation.sessions import Evening
from transforms.io.simulation.world import NONE, World

EVENTS_PER_VISIT: Final = 5.65
"""Measured over seeds and sizes; it turns the wanted events into visits."""

MOST_ITEMS: Final = 10
"""Items that one visit shows at most; below `sessions.SHOWN`, so a visit never shows an item twice."""

VISITS_PER_EVENING: Final = 1_000_000_000
_OWN_SOURCES: Final = ("recommend", "follow", "search", "short_video", "share", "campaign", "other")
_SOURCE_WEIGHTS: Final = np.array([0.40, 0.18, 0.08, 0.16, 0.08, 0.06, 0.04])
_QUALITY: Final = dict(zip(TRAFFIC_SOURCES, (1.0, 1.7, 1.5, 0.8, 1.1, 1.0, 0.7, 1.2, 0.5), strict=True))
QUALITY: Final = np.array([_QUALITY[name] for name in TRAFFIC_SOURCES])
"""How much likelier than by recommendation a view becomes a click, by source."""

SOURCE: Final = {name: place for place, name in enumerate(TRAFFIC_SOURCES)}
_OUTSIDE: Final = np.array([SOURCE["search"], SOURCE["short_video"], SOURCE["other"]])
_OUTSIDE_SHARE: Final = 0.12


@dataclass(frozen=True)
class Visits:
    """One entry a visit; `promotion` is its place in the evening or NONE, `source` what it shows in events.

    `quality` is that of the promotion in both worlds, so that a held-out user who comes anyway buys the same.
    """

    id: Ints
    time_ms: Ints
    user: Ints
    room: Ints
    source: Ints
    quality: Floats
    promotion: Ints
    held_out: Flags
    comes_anyway: Flags
    items: Ints

    @property
    def comes(self) -> Flags:
        """Mark the visits that take place."""
        return ~self.held_out | self.comes_anyway

    def take(self, places: Ints | slice) -> "Visits":
        """Return some of them."""
        return Visits(**{field.name: getattr(self, field.name)[places] for field in fields(self)})


def wanted_visits(scenario: Scenario) -> int:
    """Return how many visits an evening has, promoted ones included."""
    return max(1, round(scenario.events / scenario.evenings / EVENTS_PER_VISIT))


def make_visits(
    scenario: Scenario, world: World, evening: Evening, promotions: Promotions, reached: Reached,
    interests: Interests, draws: Draws,
) -> Visits:  # fmt: skip
    """Draw an evening's visits; holds some 500 bytes a visit while it does."""
    own = max(1, wanted_visits(scenario) - int((~reached.held_out | reached.comes_anyway).sum()))
    first = (evening.number + 1) * VISITS_PER_EVENING
    ids = first + np.arange(own)
    user = _users(scenario, draws, ids)
    source = _own_source(draws, ids)
    room = _rooms(scenario, world, evening, interests, draws, ids, user)
    outside = draws.share("visit is outside live rooms", ids) < _OUTSIDE_SHARE
    room = np.where(outside, scenario.rooms, room)
    source = np.where(outside, _OUTSIDE[draws.below("source outside", ids, len(_OUTSIDE))], source)
    nobody = np.full(own, NONE)
    never = np.zeros(own, np.bool_)
    times = evening.times(room, draws.share("visit's time", ids))
    spontaneous = Visits(
        ids, times, user, room, source, QUALITY[source], nobody, never, never, _items(draws, ids)
    )
    both = _joined(spontaneous, _promoted(promotions, reached, draws, first + own))
    return both.take(np.lexsort((both.id, both.time_ms)))


def _promoted(promotions: Promotions, reached: Reached, draws: Draws, first: int) -> Visits:
    place = reached.promotion
    ids = first + np.arange(len(place))
    paid = np.where(place < promotions.coupons, SOURCE["coupon"], SOURCE["qianchuan"])
    anyway = np.where(draws.share("own source", ids) < 0.5, SOURCE["follow"], SOURCE["recommend"])
    return Visits(
        id=ids,
        time_ms=reached.time_ms,
        user=reached.user,
        room=promotions.room[place],
        source=np.where(reached.held_out, anyway, paid),
        quality=QUALITY[paid],
        promotion=place,
        held_out=reached.held_out,
        comes_anyway=reached.comes_anyway,
        items=_items(draws, ids),
    )


def _users(scenario: Scenario, draws: Draws, ids: Ints) -> Ints:
    """Draw visitors, some of whom come far more often than others."""
    share = draws.share("visitor", ids)
    return (scenario.users * share * (0.2 + 0.8 * share)).astype(np.int64)


def _own_source(draws: Draws, ids: Ints) -> Ints:
    codes = np.array([SOURCE[name] for name in _OWN_SOURCES])
    return codes[picked(_SOURCE_WEIGHTS, draws.share("own source", ids))]


def _rooms(
    scenario: Scenario,
    world: World,
    evening: Evening,
    interests: Interests,
    draws: Draws,
    ids: Ints,
    user: Ints,
) -> Ints:
    weights = world.creators.popularity * evening.live[: scenario.rooms]
    best = picked(weights, draws.share("room 0", ids))
    liking = interests.weights(user, world.creators.category[best], evening.number)
    for attempt in (1, 2):
        other = picked(weights, draws.share(f"room {attempt}", ids))
        likes = interests.weights(user, world.creators.category[other], evening.number)
        best, liking = np.where(likes > liking, other, best), np.maximum(likes, liking)
    return best


def _items(draws: Draws, ids: Ints) -> Ints:
    """Draw how many items a visit shows: 3 on average."""
    share = draws.share("items shown", ids)
    return (share * share * (MOST_ITEMS + 1)).astype(np.int64)


def _joined(one: Visits, other: Visits) -> Visits:
    return Visits(
        **{
            field.name: np.concatenate([getattr(one, field.name), getattr(other, field.name)])
            for field in fields(one)
        }
    )
