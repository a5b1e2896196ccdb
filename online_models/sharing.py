"""What learners of the same items tell each other now and then: vectors by their mean, counts by their sum.

Averaging parameters that were learned apart: McDonald, Hall, Mann, "Distributed Training Strategies for the
Structured Perceptron", 2010 ("iterative parameter mixing"), here by item.
"""

from collections.abc import Sequence

import numpy as np

from online_models.decay import UNSET_MS
from online_models.factors import FactorState
from online_models.mix_state import EVER, SightState
from online_models.popularity import PopularityState, list_again


def mean_weights(clicks: np.ndarray, known: np.ndarray) -> np.ndarray:
    """How much each learner counts for each item; a row a learner, columns sum to 1 where anyone knows the item.

    A learner counts by its clicks on the item since the last time, and for one click more that is spread as all of
    its clicks are: so an item that nobody clicked goes by how much each learned at all. Who does not know the item
    does not count.

    >>> mean_weights(np.array([[3.0, 0.0], [1.0, 0.0]]), np.array([[True, True], [True, False]])).tolist()
    [[0.75, 1.0], [0.25, 0.0]]
    """
    total = clicks.sum()
    spread = clicks.sum(axis=1) / total if total > 0.0 else np.full(len(clicks), 1.0 / len(clicks))
    weight = (clicks + spread[:, None]) * known
    whole = weight.sum(axis=0)
    unheard = whole == 0.0
    weight[:, unheard] = known[:, unheard]
    return np.asarray(weight / np.maximum(weight.sum(axis=0), EPSILON))


EPSILON = 1e-300


def average_factors(states: Sequence[FactorState], weight: np.ndarray, known: np.ndarray) -> None:
    """Gives all learners the weighted mean of each item's vectors; an item that nobody knows is left alone."""
    rows = np.flatnonzero(known.any(axis=0))
    for name in FactorState._fields:
        mean = np.zeros((len(rows), getattr(states[0], name).shape[1]))
        for state, share in zip(states, weight, strict=True):
            mean += share[rows, None] * getattr(state, name)[rows]
        for state in states:
            getattr(state, name)[rows] = mean.astype(np.float32)


def known_items(states: Sequence[SightState], items: int) -> np.ndarray:
    """Which of the first `items` each learner has seen."""
    return np.array([state.hour[:items] != EVER for state in states])


def share_sight(states: Sequence[SightState], known: np.ndarray) -> None:
    """Lets all learners know which items there are: when each was seen first, and the hour when it was seen last."""
    items = known.shape[1]
    anyone = known.any(axis=0)
    hours, firsts = (np.array([getattr(s, name)[:items] for s in states]) for name in ("hour", "first_ms"))
    last, first = hours.max(axis=0), np.where(known, firsts, np.iinfo(np.int64).max).min(axis=0)
    for state in states:
        state.hour[:items] = last
        state.first_ms[:items][anyone] = first[anyone]


def share_counts(states: Sequence[PopularityState], common: PopularityState) -> None:
    """Adds up what each learner counted since the last time to what is `common`, and gives that to all."""
    for h in range(len(common.total)):
        landmark_ms = max(int(state.landmark_ms[h]) for state in (*states, common))
        if landmark_ms == UNSET_MS:
            continue
        for state in (*states, common):
            _bring_to(state, h, landmark_ms)
        value = common.value[:, h] + sum(state.value[:, h] - common.value[:, h] for state in states)
        total = common.total[h] + sum(state.total[h] - common.total[h] for state in states)
        common.value[:, h], common.total[h] = np.maximum(value, 0.0), total
        list_again(common, h)
        for state in states:
            state.value[:, h], state.total[h] = common.value[:, h], common.total[h]
            state.top[h], state.place[:, h] = common.top[h], common.place[:, h]


def _bring_to(state: PopularityState, h: int, landmark_ms: int) -> None:
    """Counts are relative to a landmark; before they are added, all have the same."""
    if state.landmark_ms[h] != UNSET_MS:
        shrunk = np.exp2(-(landmark_ms - state.landmark_ms[h]) / state.half_life_ms[h])
        state.value[:, h] *= shrunk
        state.total[h] *= shrunk
    state.landmark_ms[h] = landmark_ms
