"""The gate: a choice model over candidates, learned online, that mixes what the parts say.

A candidate's score is a weighted sum of the features, and the chance that it is the one taken is the
softmax over the candidates (conditional logit: McFadden 1974). The gradient of its log likelihood is the
taken item's features less the expected ones. Weights are sums of three: one for all, learned by online
Newton steps (Hazan, Agarwal, Kale 2007), since features go together; and one for the length of the
session and one for how much is known of the last item, learned by AdaGrad (Duchi, Hazan, Singer 2011).
Each part alone is one setting of the weights, so the blend can always fall back on the best of them.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from online_models.compiled import compiled
from online_models.payload import HERE, NEXT, POPULAR
from online_models.scratch import ONE, ZERO, Scratch
from online_models.state import Column, Layout, allocate

MEMORY = 0.9999
"""How much of the squared gradients is kept a step, so that learning never freezes."""

CONTEXTS = 13
"""Lengths of the session: 0, 1 … 10, more; the last is for a new session of a known user."""

ONLY_EARLIER = CONTEXTS - 1

SUPPORTS = 8
"""How many steps from the last item were counted, by powers of two."""

BROAD = 0.1
"""The variance of a weight before anything was learned."""

WIDEST = 1.0
"""The variance beyond which forgetting stops, as for a feature that is always 0."""


class BlendState(NamedTuple):
    """Weights of both gates with their inverse curvature, those by context, and the prequential tallies."""

    shared: np.ndarray
    inverse: np.ndarray
    weight: np.ndarray
    power: np.ndarray
    tally: np.ndarray
    popular_tally: np.ndarray
    asked: np.ndarray


ASKED, HITS, RECIPROCAL = 0, 1, 2
INSIDE, OUTSIDE = 0, 1
"""The two gates: within a session, where the click before says most, and at its beginning."""


def blend_layout(half_lives: int) -> Layout:
    """The arrays of a `BlendState` over so many popularity half-lives."""
    width = POPULAR + half_lives
    return {
        "shared": Column(np.float64, (2, width), per_id=False),
        "inverse": Column(np.float64, (2, width, width), per_id=False),
        "weight": Column(np.float64, (CONTEXTS + SUPPORTS, width), per_id=False),
        "power": Column(np.float64, (CONTEXTS + SUPPORTS, width), 1e-2, per_id=False),
        "tally": Column(np.float64, (3,), per_id=False),
        "popular_tally": Column(np.float64, (half_lives, 3), per_id=False),
        "asked": Column(np.int64, (1,), per_id=False),
    }


def new_blend(half_lives: int) -> BlendState:
    """Weights that follow transitions and the room first, and popularity where those say nothing."""
    state = allocate(BlendState, blend_layout(half_lives), 0)
    state.shared[:, [NEXT, HERE]] = 0.5
    state.shared[:, POPULAR:] = 0.5 / half_lives
    state.inverse[:] = BROAD * np.eye(POPULAR + half_lives)
    return state


@compiled
def context_of(lasts: int, inside: int) -> int:
    """Which weights are used where `lasts` items count, `inside` of them in this session."""
    if lasts > 0 and inside == 0:
        return ONLY_EARLIER
    return min(lasts, ONLY_EARLIER - 1)


@compiled
def gate_of(context: int) -> int:
    """Which of the two gates a context belongs to."""
    return OUTSIDE if context in (0, ONLY_EARLIER) else INSIDE


@compiled
def weight_of(state: BlendState, context: int, support: int, f: int) -> float:
    """The weight of a feature in a context."""
    own = state.weight[context, f] + state.weight[CONTEXTS + support, f]
    return state.shared[gate_of(context), f] + own


def weights_of(state: BlendState) -> np.ndarray:
    """The weights by context, a row each, without what is learned by how much is known of the last item."""
    gates = [gate_of(context) for context in range(CONTEXTS)]
    weights: np.ndarray = state.shared[gates] + state.weight[:CONTEXTS]
    return weights


@compiled
def score_all(state: BlendState, context: int, support: int, scratch: Scratch) -> None:
    """Scores every candidate by its features."""
    score = scratch.score[: scratch.size[0]]
    score[:] = ZERO
    for f in range(state.weight.shape[1]):
        weight, x = np.float32(weight_of(state, context, support, f)), scratch.x[f]
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
def _exp(x: np.float32) -> np.float32:
    """exp(x) for x <= 0 as (1 + x/1024)^1024: 1 % off at -4.5, but many times as fast, as it vectorises."""
    y = max(ONE + x / np.float32(1024.0), ZERO)
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
def to_chances(scratch: Scratch, place: int) -> None:
    """Turns scores into the chances that each candidate is the one taken."""
    size, chance = scratch.size[0], scratch.score
    top = chance[place]
    for c in range(size):
        top = max(top, chance[c])
    total = ZERO
    for c in range(size):
        chance[c] = _exp(chance[c] - top)
        total += chance[c]
    share = ONE / total
    for c in range(size):
        chance[c] *= share


@partial(compiled, fastmath={"reassoc"})
def learn_choice(
    state: BlendState, where: tuple[int, int], scratch: Scratch, place: int, rate: float
) -> None:
    """Moves the weights of a context and support towards what was taken; the scratch holds chances."""
    context, support = where
    slope = scratch.step[0]
    for f in range(state.weight.shape[1]):
        expected = ZERO
        for c in range(scratch.size[0]):
            expected += scratch.score[c] * scratch.x[f, c]
        slope[f] = scratch.x[f, place] - expected
        _step(state, context, f, slope[f], rate)
        _step(state, CONTEXTS + support, f, slope[f], rate)
    gate = gate_of(context)
    _newton_step(state.shared[gate], state.inverse[gate], slope, scratch.step[1])


@compiled
def _step(state: BlendState, row: int, f: int, slope: float, rate: float) -> None:
    power = MEMORY * state.power[row, f] + slope * slope
    state.power[row, f] = power
    state.weight[row, f] += rate * slope / np.sqrt(power)


@partial(compiled, fastmath={"reassoc"})
def _newton_step(weight: np.ndarray, inverse: np.ndarray, slope: np.ndarray, step: np.ndarray) -> None:
    """One step along the slope in units of the curvature so far, kept inverse (Sherman, Morrison 1950)."""
    width = len(weight)
    along = 0.0
    for f in range(width):
        total = 0.0
        for g in range(width):
            total += inverse[f, g] * slope[g]
        step[f] = total
        along += total * slope[f]
    if along < 0.0:  # rounding has eaten it up
        for f in range(width):
            for g in range(width):
                inverse[f, g] = BROAD if f == g else 0.0
        return
    for f in range(width):
        weight[f] += step[f] / (MEMORY + along)
        for g in range(width):
            inverse[f, g] -= step[f] * step[g] / (MEMORY + along)
    _forget(inverse, step)


@compiled
def _forget(inverse: np.ndarray, widening: np.ndarray) -> None:
    for f in range(len(inverse)):
        widening[f] = 1.0 / np.sqrt(MEMORY) if inverse[f, f] < WIDEST else 1.0
    for f in range(len(inverse)):
        for g in range(len(inverse)):
            inverse[f, g] *= widening[f] * widening[g]


@compiled
def tally(row: np.ndarray, rank: int) -> None:
    """Counts one prediction by the rank it gave to what was taken, 0 where it was no candidate."""
    row[ASKED] += 1.0
    if 0 < rank <= 10:
        row[HITS] += 1.0
        row[RECIPROCAL] += 1.0 / rank
