"""The blend: a choice model over candidates, learned online.

A candidate's score is a weighted sum of the logs of what the parts say, and the chance that it is the
one taken is the softmax over the candidates (conditional logit: McFadden 1974). The gradient of its log
likelihood is the taken item's features less the expected ones; steps are scaled by AdaGrad (Duchi,
Hazan, Singer 2011). Each part alone is one setting of the weights, so the blend can always fall back on
the best of them.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from online_models.compiled import compiled
from online_models.payload import CONTEXTS, NEXT, POPULAR
from online_models.scratch import Scratch
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


@compiled
def score_all(weights: np.ndarray, scratch: Scratch) -> None:
    """Scores every candidate."""
    score = scratch.score[: scratch.size[0]]
    score[:] = 0.0
    for f in range(len(weights)):
        weight, x = weights[f], scratch.x[f]
        for c in range(len(score)):
            score[c] += weight * x[c]


@compiled
def rank_among(scratch: Scratch, place: int) -> int:
    """The rank from 1 of a scored candidate; of equal ones the earlier goes first."""
    mine = scratch.score[place]
    ahead = 0
    for c in range(scratch.size[0]):
        score = scratch.score[c]
        ahead += score > mine or (score == mine and c < place)
    return ahead + 1


@compiled
def _exp(x: float) -> float:
    """exp(x) for x <= 0 as (1 + x/1024)^1024: 1 % off at -4.5, but many times as fast, as it vectorises."""
    y = max(1.0 + x / 1024.0, 0.0)
    y *= y
    y *= y
    y *= y
    y *= y
    y *= y
    y *= y
    y *= y
    y *= y
    y *= y
    return y * y


@partial(compiled, fastmath={"reassoc"})
def learn_choice(state: BlendState, context: int, scratch: Scratch, place: int, rate: float) -> None:
    """Moves the context's weights towards the scored candidate that was taken; spoils the scores."""
    size = scratch.size[0]
    chance = scratch.score
    top = chance[place]
    for c in range(size):
        top = max(top, chance[c])
    total = 0.0
    for c in range(size):
        chance[c] = _exp(chance[c] - top)
        total += chance[c]
    for f in range(state.weight.shape[1]):
        expected = 0.0
        for c in range(size):
            expected += chance[c] * scratch.x[f, c]
        slope = scratch.x[f, place] - expected / total
        power = MEMORY * state.power[context, f] + slope * slope
        state.power[context, f] = power
        state.weight[context, f] += rate * slope / np.sqrt(power)


@compiled
def tally(row: np.ndarray, rank: int) -> None:
    """Counts one prediction by the rank it gave to what was taken, 0 where it was no candidate."""
    row[ASKED] += 1.0
    if 0 < rank <= 10:
        row[HITS] += 1.0
        row[RECIPROCAL] += 1.0 / rank
