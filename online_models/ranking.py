"""The best candidates of many users at once: what is published, and what an evaluation looks through."""

from typing import NamedTuple

import numpy as np

from online_models.blend import weight_of
from online_models.compiled import compiled
from online_models.mix_kernel import score_candidates
from online_models.mix_state import MixSettings, MixState
from online_models.payload import (
    AGAIN,
    BACK,
    HERE,
    HOP,
    NEAR,
    NEAR_AFTER,
    NEIGHBOURS,
    NEXT,
    PARTS,
    POPULAR,
    POPULARITY,
    REPEATS,
    ROOM,
    TRANSITIONS,
    VECTORS,
)
from online_models.scratch import Scratch, release, take_best

SERVED = 60
"""Items published a user."""

NOT_ONE = -1

SPANS = (
    (POPULARITY, POPULAR, -1),
    (REPEATS, AGAIN, BACK + 1),
    (TRANSITIONS, NEXT, HOP + 1),
    (NEIGHBOURS, NEAR, NEAR_AFTER + 1),
    (ROOM, HERE, HERE + 1),
)
"""Each part's features, from one up to another; -1 is their end."""


class Best(NamedTuple):
    """A row a user, best first, `NOT_ONE` behind the last: items, their scores, the part that spoke most, what each said."""

    item: np.ndarray
    score: np.ndarray
    part: np.ndarray
    said: np.ndarray


class Asked(NamedTuple):
    """For whom, by row, in which room (-1: nobody known, nowhere), and whether only of what is on sale there."""

    user: np.ndarray
    room: np.ndarray
    here: bool


def rank_users(
    state: MixState, scratch: Scratch, settings: MixSettings, asked: Asked, now_ms: int, most: int = SERVED
) -> Best:
    """The best `most` items of each user, as of `now_ms`."""
    # Of the types that learning has, so that scoring is compiled once.
    asked = Asked(asked.user.astype(np.int32), asked.room.astype(np.int32), asked.here)
    shape = len(asked.user), most
    best = Best(
        np.full(shape, NOT_ONE, np.int32),
        np.zeros(shape),
        np.zeros(shape, np.uint8),
        np.zeros((*shape, len(PARTS))),
    )
    _rank_each(state, scratch, settings, asked, now_ms, best)
    return best


@compiled
def _rank_each(
    state: MixState, scratch: Scratch, settings: MixSettings, asked: Asked, now_ms: int, best: Best
) -> None:
    for n in range(len(asked.user)):
        who = (asked.user[n], asked.room[n])
        context, support, _ = score_candidates(state, scratch, settings, who, now_ms)
        among = scratch.size[1] if asked.here else scratch.size[0]
        listed = take_best(scratch, among, best.item[n], best.score[n])
        for p in range(listed):
            place, said = best.item[n, p], best.said[n, p]
            best.part[n, p] = _part(state, scratch, (context, support), place, said)
            if settings.use[VECTORS]:
                said[VECTORS] = scratch.product[place]
                if said[VECTORS] != 0.0 and said[VECTORS] > said[best.part[n, p]]:
                    best.part[n, p] = VECTORS
            best.item[n, p] = scratch.item[place]
        release(scratch)


@compiled
def _part(state: MixState, scratch: Scratch, where: tuple[int, int], place: int, said: np.ndarray) -> int:
    """The part, but vectors, that adds most to a candidate's score; fills in what each of them adds."""
    loudest, most = POPULARITY, -np.inf
    for part, first, end in SPANS:
        any_said = False
        for f in range(first, end if end >= 0 else len(scratch.x)):
            said[part] += weight_of(state.blend, where[0], where[1], f) * scratch.x[f, place]
            any_said |= scratch.x[f, place] != 0.0
        if any_said and said[part] > most:
            loudest, most = part, said[part]
    return loudest
