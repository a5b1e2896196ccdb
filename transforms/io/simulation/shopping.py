"""What happens in visits: items are shown, some are clicked, some of those are bought.

    chance to click = 0.10 × quality of the traffic × interest           at most 0.6
    chance to buy   = 0.20 × appeal × busyness × eagerness × boost       at most 0.7, of what is clicked

so the propensity to purchase is interest × item appeal × session peak, times what the traffic and the user are like.
A promotion's boost stands in the world where the user is reached by it and nowhere else; every other draw is the same
in both worlds.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from transforms.io.simulation.draws import Draws, Flags, Floats, Ints
from transforms.io.simulation.interests import Interests
from transforms.io.simulation.promotions import Promotions
from transforms.io.simulation.sessions import SHOWN, Evening
from transforms.io.simulation.visits import Visits
from transforms.io.simulation.world import World

CLICK: Final = 0.10
BUY: Final = 0.20
MOST_CLICK: Final = 0.6
MOST_BUY: Final = 0.7
KEYS_PER_VISIT: Final = 16


@dataclass(frozen=True)
class Shown:
    """One entry an item that a visit shows or would have shown; `visit` is a row of the visits.

    `click_chance`, `buy_chance` and `boosted_chance` are the user's in the two worlds; `clicks` and `buys` are what
    happens in the world that came to be, `buys_anyway` whether the line is bought without the promotion too.
    """

    visit: Ints
    key: Ints
    item: Ints
    time_ms: Ints
    click_chance: Floats
    buy_chance: Floats
    boosted_chance: Floats
    clicks: Flags
    click_time_ms: Ints
    buys: Flags
    buys_anyway: Flags


def entry_times(visits: Visits, draws: Draws) -> Ints:
    """Return when visits begin; those of held-out users a moment after the exposure that they did not get."""
    return visits.time_ms + np.where(
        visits.held_out, draws.between("comes later by", visits.id, 500, 4_000), 0
    )


def shop(
    world: World, evening: Evening, promotions: Promotions, visits: Visits, interests: Interests, draws: Draws
) -> Shown:
    """Let visits run; those that do not take place are shown too, but nothing in them is clicked or bought."""
    visit = np.repeat(np.arange(len(visits.id)), visits.items)
    turn = np.arange(len(visit)) - np.repeat(np.cumsum(visits.items) - visits.items, visits.items)
    key = visits.id[visit] * KEYS_PER_VISIT + turn
    slot = (draws.below("first item", visits.id, SHOWN)[visit] + turn) % SHOWN
    room = visits.room[visit]
    item = evening.items[room, slot]
    begins = entry_times(visits, draws)[visit]
    time = begins + 1_000 + turn * 12_000 + draws.below("item is shown after", key, 10_000)
    interest = interests.relative(visits.user[visit], world.items.category[item], evening.number)
    click_chance = np.minimum(MOST_CLICK, CLICK * visits.quality[visit] * interest)
    # Busyness is that of the visit's nominal time, which both worlds share.
    busy = evening.busyness(visits.room, visits.time_ms)[visit]
    eager = interests.eagerness(visits.user)[visit]
    wants = BUY * world.items.appeal[item] * busy * eager
    reached = visits.promotion[visit] >= 0
    boost = np.where(reached, promotions.boost[visits.promotion[visit]], 1.0)
    buy_chance, boosted_chance = np.minimum(MOST_BUY, wants), np.minimum(MOST_BUY, wants * boost)
    exposed = reached & ~visits.held_out[visit]
    clicks = visits.comes[visit] & (draws.share("clicks", key) < click_chance)
    luck = draws.share("buys", key)
    return Shown(
        visit=visit,
        key=key,
        item=item,
        time_ms=time,
        click_chance=click_chance,
        buy_chance=buy_chance,
        boosted_chance=boosted_chance,
        clicks=clicks,
        click_time_ms=time + draws.between("clicks after", key, 400, 10_000),
        buys=clicks & (luck < np.where(exposed, boosted_chance, buy_chance)),
        buys_anyway=(~reached | visits.comes_anyway[visit]) & (luck < buy_chance),
    )
