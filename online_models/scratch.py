"""Working room of one prediction: which items are candidates, and what each part says of them."""

from typing import NamedTuple

import numpy as np

from online_models.compiled import compiled
from online_models.history import KEPT
from online_models.payload import POPULAR
from online_models.popularity import TOP
from online_models.transitions import SLOTS

ZERO, ONE = np.float32(0.0), np.float32(1.0)
"""Of the type of a candidate's numbers: beside a plain 1.0 a kernel would reckon them in 64 bits."""

SESSIONS = 1 << 16
"""Sessions remembered, the latest; a power of two, so that numbers may wrap."""

LENGTH = 16
"""Items remembered a session, the latest."""

RECENT = 64
"""Sessions remembered an item, the latest."""

FACTORS = 16
"""Numbers in an item's vector."""

HOPS = 12
"""Neighbours of a neighbour that are looked at, each way."""


ON_SALE = 128
"""Items remembered a room, the latest."""


class Scratch(NamedTuple):
    """`place` of each item among the candidates (-1: none), their `item`s, features `x` and `score`s.

    Beside them the neighbours: those `met`, how `alike` each session is, and where it has the `shared`
    item; and the user's `mean` vector, its `slope`, and its `product` with each candidate's. `size` counts the
    candidates, and those at the front that are on sale in the room. What there is a number of a candidate has 32
    bits: a prediction passes over it some ten times.
    """

    place: np.ndarray
    item: np.ndarray
    x: np.ndarray
    score: np.ndarray
    size: np.ndarray
    met: np.ndarray
    alike: np.ndarray
    shared: np.ndarray
    mean: np.ndarray
    slope: np.ndarray
    product: np.ndarray
    step: np.ndarray
    seen: np.ndarray


def new_scratch(rows: int, half_lives: int, reach: int) -> Scratch:
    """Room for `rows` items, and for as many candidates as there can be."""
    most = 2 * reach * SLOTS + half_lives * TOP + KEPT + reach * RECENT * LENGTH + 8 * HOPS * HOPS + ON_SALE
    return Scratch(
        np.full(rows, -1, np.int32),
        np.zeros(most, np.int32),
        np.zeros((POPULAR + half_lives, most), np.float32),
        np.zeros(most, np.float32),
        np.zeros(2, np.int64),
        np.zeros(reach * RECENT, np.int32),
        np.zeros(SESSIONS),
        np.zeros(SESSIONS, np.int32),
        np.zeros(FACTORS, np.float32),
        np.zeros(FACTORS),
        np.zeros(most, np.float32),
        np.zeros((2, POPULAR + half_lives)),
        np.zeros(POPULAR + half_lives + 2),
    )


def with_room(scratch: Scratch, rows: int) -> Scratch:
    """The same with room for at least `rows` items."""
    have = len(scratch.place)
    if rows <= have:
        return scratch
    more = np.full(max(rows, 2 * have) - have, -1, np.int32)
    return scratch._replace(place=np.concatenate([scratch.place, more]))


@compiled
def add_candidate(places: np.ndarray, found: np.ndarray, size: np.ndarray, item: int) -> int:
    """The item's place among the candidates, which it joins where it is new.

    Takes the arrays of a `Scratch` one by one: handing over a tuple of arrays counts references to each,
    which costs more than all else here.
    """
    place = places[item]
    if place < 0:
        place = size[0]
        places[item] = place
        found[place] = item
        size[0] = place + 1
    return place


@compiled
def release(scratch: Scratch) -> None:
    """Leaves the scratch without candidates."""
    size = scratch.size[0]
    for c in range(size):
        scratch.place[scratch.item[c]] = -1
    scratch.x[:, :size] = 0.0
    scratch.size[:] = 0


@compiled
def take_best(scratch: Scratch, among: int, place: np.ndarray, score: np.ndarray) -> int:
    """Lists the places of the best of the first `among` candidates, of equal ones the earlier first; says how many."""
    listed = 0
    for c in range(among):
        mine = scratch.score[c]
        if listed == len(place):
            if mine <= score[listed - 1]:
                continue
            listed -= 1
        at = listed
        while at > 0 and score[at - 1] < mine:
            place[at], score[at] = place[at - 1], score[at - 1]
            at -= 1
        place[at], score[at] = c, mine
        listed += 1
    return listed
