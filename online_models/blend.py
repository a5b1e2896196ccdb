"""The blend: a choice model over candidates, learned online.

A candidate's score is a weighted sum of the logs of what the parts say, and the chance that it is the
one taken is the softmax over the candidates (conditional logit: McFadden 1974). The gradient of its log
likelihood is the taken item's features less the expected ones; steps are scaled by AdaGrad (Duchi,
Hazan, Singer 2011). Each part alone is one setting of the weights, so the blend can always fall back on
the best of them.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from online_models.payload import CONTEXTS, NEXT, POPULAR
from online_models.state import Column, Layout, allocate

MEMORY = 0.9999
"""How much of the squared gradients is kept a step, so that learning never freezes."""


class BlendState(NamedTuple):
    """Weights and squared gradients by context and feature, and the prequential tallies."""

    weight: np.ndarray
    power: np.ndarray
    tally: np.ndarray
    popular_tally: np.ndarray


ASKED, HITS, RECIPROCAL = 0, 1, 2


def blend_layout(half_lives: int) -> Layout:
    """The arrays of a `BlendState` over so many popularity half-lives."""
    shape = (CONTEXTS, POPULAR + half_lives)
    return {
        "weight": Column(np.float64, shape, per_id=False),
        "power": Column(np.float64, shape, 1e-2, per_id=False),
        "tally": Column(np.float64, (3,), per_id=False),
        "popular_tally": Column(np.float64, (half_lives, 3), per_id=False),
    }


def new_blend(half_lives: int) -> BlendState:
    """Weights that follow transitions first and popularity where those say nothing."""
    state = allocate(BlendState, blend_layout(half_lives), 0)
    state.weight[:, NEXT] = 0.5
    state.weight[:, POPULAR:] = 0.5 / half_lives
    return state


@njit(cache=True, nogil=True)
def score_all(weights, scratch, count):
    """Scores every candidate."""
    score = scratch.score
    score[:count] = 0.0
    for f in range(len(weights)):
        w = weights[f]
        for c in range(count):
            score[c] += w * scratch.x[f, c]


@njit(cache=True, nogil=True)
def rank_among(scratch, count, place):
    """The rank from 1 of a scored candidate; of equal ones the earlier goes first."""
    mine = scratch.score[place]
    ahead = 0
    for c in range(count):
        score = scratch.score[c]
        ahead += score > mine or (score == mine and c < place)
    return ahead + 1


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def learn_choice(state, context, scratch, count, place, rate):
    """Moves the context's weights towards the scored candidate that was taken; spoils the scores."""
    chance = scratch.score
    top = chance[:count].max()
    total = 0.0
    for c in range(count):
        chance[c] = np.exp(chance[c] - top)
        total += chance[c]
    for f in range(state.weight.shape[1]):
        expected = 0.0
        for c in range(count):
            expected += chance[c] * scratch.x[f, c]
        slope = scratch.x[f, place] - expected / total
        power = MEMORY * state.power[context, f] + slope * slope
        state.power[context, f] = power
        state.weight[context, f] += rate * slope / np.sqrt(power)


@njit(cache=True, nogil=True)
def tally(row, rank):
    """Counts one prediction by the rank it gave to what was taken, 0 where it was no candidate."""
    row[ASKED] += 1.0
    if 0 < rank <= 10:
        row[HITS] += 1.0
        row[RECIPROCAL] += 1.0 / rank
