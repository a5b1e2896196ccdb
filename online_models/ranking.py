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
    HOP,
    NEAR,
    NEAR_AFTER,
    NEIGHBOURS,
    NEXT,
    POPULAR,
    POPULARITY,
    REPEATS,
    TRANSITIONS,
    VECTORS,
)
from online_models.scratch import Scratch, release, take_best

SERVED = 60
"""Items published a user."""

NOT_ONE = -1


class Best(NamedTuple):
    """A row a user, best first, `NOT_ONE` behind the last: items, their scores and the part that spoke most."""

    item: np.ndarray
    score: np.ndarray
    part: np.ndarray


def rank_users(
    state: MixState,
    scratch: Scratch,
    settings: MixSettings,
    users: np.ndarray,
    now_ms: int,
    most: int = SERVED,
) -> Best:
    """The best `most` items of each user (by row; -1: of whom nothing is known), as of `now_ms`."""
    shape = len(users), most
    best = Best(np.full(shape, NOT_ONE, np.int32), np.zeros(shape), np.zeros(shape, np.uint8))
    _rank_each(state, scratch, settings, users, now_ms, best)
    return best


@compiled
def _rank_each(
    state: MixState, scratch: Scratch, settings: MixSettings, users: np.ndarray, now_ms: int, best: Best
) -> None:
    for n in range(len(users)):
        context, support, _ = score_candidates(state, scratch, settings, users[n], now_ms)
        listed = take_best(scratch, best.item[n], best.score[n])
        for p in range(listed):
            place = best.item[n, p]
            best.part[n, p] = _part(state, scratch, (context, support), place, settings.use[VECTORS])
            best.item[n, p] = scratch.item[place]
        release(scratch)


@compiled
def _part(state: MixState, scratch: Scratch, where: tuple[int, int], place: int, vectors: bool) -> int:
    """The part that adds most to a candidate's score."""
    loudest, most = POPULARITY, -np.inf
    spans = (
        (POPULARITY, POPULAR, len(scratch.x)),
        (REPEATS, AGAIN, BACK + 1),
        (TRANSITIONS, NEXT, HOP + 1),
        (NEIGHBOURS, NEAR, NEAR_AFTER + 1),
    )
    for part, first, end in spans:
        said, any_said = 0.0, False
        for f in range(first, end):
            said += weight_of(state.blend, where[0], where[1], f) * scratch.x[f, place]
            any_said |= scratch.x[f, place] != 0.0
        if any_said and said > most:
            loudest, most = part, said
    product = scratch.product[place] if vectors else 0.0
    return VECTORS if product != 0.0 and product > most else loudest
