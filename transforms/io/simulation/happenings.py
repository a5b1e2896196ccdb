"""The events of visits: entries, ghost exposures, items shown and clicked, follows, and the orders' changes of status."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from transforms.io.simulation.block import (
    CANCELLED,
    CLICKED,
    DELIVERED,
    ENTERED,
    FOLLOWED,
    GHOST,
    PAID,
    PLACED,
    REFUNDED,
    SHIPPED,
    SHOWN,
    Block,
    block,
    rows,
    size,
)
from transforms.io.simulation.draws import Draws, Ints
from transforms.io.simulation.orders import Fates, Times
from transforms.io.simulation.sessions import Evening
from transforms.io.simulation.shopping import Shown, entry_times
from transforms.io.simulation.visits import Visits

_FOLLOWS: Final = 0.04


@dataclass(frozen=True)
class Lines:
    """Order lines: rows of what was shown, with their fates and times."""

    row: Ints
    fate: Fates
    times: Times


def events_of_visits(
    evening: Evening, visits: Visits, traffic: Ints, ghosts: Ints, draws: Draws
) -> list[Block]:
    """Return entries, ghost exposures and follows; `traffic` and `ghosts` are codes, one a visit."""
    every = block(
        len(visits.id),
        user=visits.user,
        session=evening.code[visits.room],
        item=-1,
        traffic=traffic,
        time=entry_times(visits, draws),
        amount=draws.long_tailed("stays", visits.id, 60_000, 5_400_000) + 500,
    )
    in_room = visits.room < len(evening.code) - 1
    comes = visits.comes & in_room
    entered = rows(every | {"kind": np.full(len(visits.id), ENTERED)}, comes)
    kept_out = every | {"kind": np.full(len(visits.id), GHOST), "traffic": ghosts, "time": visits.time_ms}
    later = every["time"] + draws.between("follows after", visits.id, 2_000, 90_000)
    fans = comes & (draws.share("follows", visits.id) < _FOLLOWS)
    followed = rows(every | {"kind": np.full(len(visits.id), FOLLOWED), "time": later}, fans)
    return [entered, rows(kept_out, visits.held_out), followed]


def events_of_items(
    evening: Evening, visits: Visits, traffic: Ints, shown: Shown, draws: Draws
) -> list[Block]:
    """Return views and clicks of items."""
    every = block(
        len(shown.visit),
        kind=SHOWN,
        user=visits.user[shown.visit],
        session=evening.code[visits.room][shown.visit],
        item=shown.item,
        traffic=traffic[shown.visit],
        time=shown.time_ms,
        amount=draws.long_tailed("looks", shown.key, 4_000, 120_000) + 100,
    )
    views = rows(every, visits.comes[shown.visit])
    clicks = every | {"kind": np.full(size(every), CLICKED), "time": shown.click_time_ms}
    return [views, rows(clicks, shown.clicks)]


def events_of_orders(
    evening: Evening, visits: Visits, traffic: Ints, shown: Shown, lines: Lines
) -> list[Block]:
    """Return one event for each change of status of each line."""
    visit, fate, times = shown.visit[lines.row], lines.fate, lines.times
    every = block(
        len(visit),
        user=visits.user[visit],
        session=evening.code[visits.room[visit]],
        item=shown.item[lines.row],
        traffic=traffic[visit],
        order=visits.id[visit],
        quantity=fate.quantity,
        amount=fate.amount_minor,
    )
    changes = (
        (PLACED, times.placed, fate.amount_minor),
        (PAID, times.paid, fate.amount_minor),
        (CANCELLED, times.cancelled, fate.amount_minor),
        (SHIPPED, times.shipped, fate.amount_minor),
        (DELIVERED, times.delivered, fate.amount_minor),
        (REFUNDED, times.refunded, fate.refund_minor),
        (REFUNDED, times.refunded_again, fate.second_refund_minor),
    )
    return [
        rows(every | {"kind": np.full(len(visit), kind), "time": time, "amount": amount}, time >= 0)
        for kind, time, amount in changes
    ]
