"""Matrix factorisation on implicit feedback, learned online: what goes with the last items, by vectors.

A user is the mean of their last items' vectors, the later the heavier (as in FISM: Kabbur, Ning, Karypis,
KDD 2013), so a new user needs no row and one click is enough. The loss is that of the blend itself: the
softmax over all candidates instead of one sampled negative (BPR), and what the vectors have to explain is
only what the other parts have not.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from online_models.compiled import compiled
from online_models.history import HistoryState, back
from online_models.scratch import FACTORS, ZERO, Scratch
from online_models.state import Column, Layout

RATE = 0.05
FALL = 0.6
"""How much less each further step back counts, in (0, 1]."""

SLIGHT = 1e-3
"""Candidates whose slope is less are left alone: nearly all of them, and nearly nothing is lost."""

SPREAD = 0.17
"""Vectors begin evenly within this of 0."""


class FactorState(NamedTuple):
    """Each item's vector as a last item, and as what comes next."""

    before: np.ndarray
    after: np.ndarray


FACTOR: Layout = {"before": Column(np.float32, (FACTORS,)), "after": Column(np.float32, (FACTORS,))}


@compiled
def begin_item(state: FactorState, item: int) -> None:
    """Gives a new item vectors that depend on its row alone."""
    for k in range(FACTORS):
        state.before[item, k] = np.float32(SPREAD * _scatter(2 * (item * FACTORS + k)))
        state.after[item, k] = np.float32(SPREAD * _scatter(2 * (item * FACTORS + k) + 1))


@compiled
def _scatter(n: int) -> float:
    """A number from -1 to 1 that looks random: the golden ratio's multiples, scrambled (Knuth 6.4)."""
    mixed = (n * 2_654_435_761) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 15)) * 2_246_822_519) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 13)) * 3_266_489_917) & 0xFFFFFFFF
    return ((mixed ^ (mixed >> 16)) & 0xFFFFFFFF) / 2_147_483_648.0 - 1.0


@compiled
def add_products(state: FactorState, scratch: Scratch, history: HistoryState, user: int, lasts: int) -> None:
    """Adds to each candidate's score the product of its vector and the user's."""
    mean, product = scratch.mean, scratch.product
    mean[:] = 0.0
    whole = 0.0
    for steps in range(lasts):
        item = back(history, user, steps)
        if item >= 0:
            whole += FALL**steps
            for k in range(FACTORS):
                mean[k] += FALL**steps * state.before[item, k]
    if whole > 0.0:
        for k in range(FACTORS):
            mean[k] /= whole
    score, after = scratch.score, state.after
    for c in range(scratch.size[0]):
        product[c] = _product(mean, after[scratch.item[c]])
        score[c] += product[c]


@partial(compiled, fastmath={"reassoc"})
def _product(one: np.ndarray, other: np.ndarray) -> np.float32:
    total = ZERO
    for k in range(FACTORS):
        total += one[k] * other[k]
    return total


@compiled
def learn_vectors(
    state: FactorState, scratch: Scratch, history: HistoryState, who: tuple[int, int], place: int
) -> None:
    """Moves vectors towards what was taken; the scratch holds the candidates' chances."""
    user, lasts = who
    chance, mean, slope = scratch.score, scratch.mean, scratch.slope
    slope[:] = 0.0
    for c in range(scratch.size[0]):
        pull = (1.0 if c == place else 0.0) - chance[c]
        if abs(pull) < SLIGHT:
            continue
        item = scratch.item[c]
        for k in range(FACTORS):
            slope[k] += pull * state.after[item, k]
            state.after[item, k] += np.float32(RATE * pull * mean[k])
    whole = 0.0
    for steps in range(lasts):
        whole += FALL**steps if back(history, user, steps) >= 0 else 0.0
    for steps in range(lasts):
        item = back(history, user, steps)
        if item >= 0:
            for k in range(FACTORS):
                state.before[item, k] += np.float32(RATE * FALL**steps / whole * slope[k])
