"""The broadcasts of one evening: which rooms are on and when, how busy they are, and what they show."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from transforms.io.simulation.draws import Draws, Flags, Floats, Ints
from transforms.io.simulation.scenario import DAY_MS, Scenario
from transforms.io.simulation.world import MERCHANT, NONE, World

SHOWN: Final = 24
"""Items that one broadcast shows in turn."""

SLOTS: Final = 256
"""Stretches that an evening's curve of visitors is cut into."""

_MINUTE_MS: Final = 60_000
_PEAKS: Final = 2
_ON_AIR: Final = 0.9
_IN_CAMPAIGN: Final = 0.5
_ELSEWHERE: Final = 0.2
CAMPAIGN_EVENINGS: Final = 3
"""So many evenings in a row belong to one campaign."""


@dataclass(frozen=True)
class Evening:
    """One entry a room, and a last one for what happens outside live rooms (the shelf and short videos).

    `code` numbers the sessions over all evenings. `peak_*` describe two triangles that stand on a flat curve:
    where in the broadcast (a share of it), how high, how wide. `items` are a row of distinct items a session.
    """

    number: int
    code: Ints
    live: Flags
    start_ms: Ints
    end_ms: Ints
    peak_at: Floats
    peak_height: Floats
    peak_width: Floats
    items: Ints
    campaign: int
    joins_campaign: Flags
    base: Ints

    def busyness(self, room: Ints, time_ms: Ints) -> Floats:
        """Return how busy a session is: 1 when it is quiet, up to 3 at a peak."""
        gone = (time_ms - self.start_ms[room]) / (self.end_ms[room] - self.start_ms[room])
        busy = np.ones(len(room))
        for peak in range(_PEAKS):
            away = np.abs(gone - self.peak_at[room, peak]) / self.peak_width[room, peak]
            busy += self.peak_height[room, peak] * np.maximum(0.0, 1.0 - away)
        return busy

    def times(self, room: Ints, shares: Floats) -> Ints:
        """Return when visitors come that are spread over a session as its busyness is."""
        rooms = np.arange(len(self.code))
        width = (self.end_ms - self.start_ms) // SLOTS
        middles = self.start_ms[:, None] + width[:, None] * np.arange(SLOTS) + width[:, None] // 2
        busy = self.busyness(np.repeat(rooms, SLOTS), middles.ravel()).reshape(-1, SLOTS)
        summed = np.cumsum(busy, axis=1)
        # Each room's curve ends at its number + 1, so one search serves all rooms.
        curves = (summed / summed[:, -1:] + rooms[:, None]).ravel()
        place = np.minimum(np.searchsorted(curves, room + shares, side="right"), len(curves) - 1)
        before = np.where(place % SLOTS == 0, room, curves[place - 1])
        within = np.clip((room + shares - before) / (curves[place] - before), 0.0, 0.999)
        times: Ints = self.start_ms[room] + ((place % SLOTS + within) * width[room]).astype(np.int64)
        return times


def make_evening(scenario: Scenario, world: World, draws: Draws, number: int) -> Evening:
    """Draw an evening; costs a sort of the items a room."""
    rooms = scenario.rooms
    keys = np.arange(rooms + 1) + number * (rooms + 1)
    first_ms = scenario.start_ms + number * DAY_MS
    start = first_ms + draws.below("session starts", keys, 50) * _MINUTE_MS
    length = draws.between("session lasts", keys, 120, 200) * _MINUTE_MS
    shelf = np.arange(rooms + 1) == rooms
    live = (draws.share("session takes place", keys) < _ON_AIR) & ~shelf
    live[:2] = True
    peaks = keys[:, None] * _PEAKS + np.arange(_PEAKS)
    based = np.append(world.creators.base, NONE)
    moved = draws.share("session is at another base", keys) < _ELSEWHERE
    return Evening(
        number=number,
        code=keys,
        live=live,
        start_ms=np.where(shelf, first_ms, start),
        end_ms=np.where(shelf, first_ms + 240 * _MINUTE_MS, start + length),
        peak_at=draws.share("peak's place", peaks),
        peak_height=np.where(shelf[:, None], 0.2, 1.0) * draws.share("peak's height", peaks),
        peak_width=0.05 + 0.15 * draws.share("peak's width", peaks),
        items=_shown(scenario, world, draws, keys),
        campaign=number // CAMPAIGN_EVENINGS,
        joins_campaign=live & (draws.share("session joins the campaign", keys) < _IN_CAMPAIGN),
        base=np.where(moved & live, draws.below("session's base", keys, world.bases), based),
    )


def _shown(scenario: Scenario, world: World, draws: Draws, keys: Ints) -> Ints:
    """Choose what each session shows: mostly its host's category, a merchant's own goods, what appeals."""
    items, creators = world.items, world.creators
    every = np.arange(scenario.items)
    rows = []
    for room, key in enumerate(keys):
        wanted = draws.share("item is shown", key * scenario.items + every) + 0.2 * items.appeal
        if room < scenario.rooms:
            wanted += 0.8 * (items.category == creators.category[room])
            if creators.kind[room] == MERCHANT:
                wanted += 0.6 * (items.merchant == creators.merchant[room])
        rows.append(np.argsort(-wanted, kind="stable")[:SHOWN])
    return np.array(rows)
