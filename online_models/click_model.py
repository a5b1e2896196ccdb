"""How likely a shown item is clicked: logistic regression on what the parts say, taught by labels that come late.

A view is predicted when it is seen and is no negative yet: a click within the delay makes it a positive, and it
is a negative only when an event later than view and delay is learned, which the watermark has then passed. A
paid line that comes after that corrects it. One view in `SAMPLED` is looked at, whatever becomes of it, so
chances need no correction for sampling.

FTRL-proximal: McMahan et al., "Ad Click Prediction: a View from the Trenches", KDD 2013, algorithm 1.
"""

from typing import NamedTuple

import numpy as np

from online_models.compiled import compiled
from online_models.state import Column, Layout

SAMPLED = 16
"""Views of which one is looked at: each costs a prediction."""

RING = 8_192
"""Views remembered, those waiting for their label among them; a view that finds all waiting is not looked at."""

WAITING, POSITIVE, NEGATIVE = 0, 1, 2

ALPHA, BETA, L2 = 0.1, 1.0, 1e-3
"""How fast a weight moves, what damps its first steps, and what pulls it to 0."""

BINS = 200
"""Chances are tallied in so many steps of equal width, on the scale of their fourth roots: most are small."""


class ClickState(NamedTuple):
    """FTRL's sums by feature (the last: always 1), the ring of views, and the tallies of predictions by label.

    Features are brought to one scale by their running mean and spread: they go together, and their sizes differ.
    """

    pull: np.ndarray
    power: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    x: np.ndarray
    user: np.ndarray
    item: np.ndarray
    time_ms: np.ndarray
    before: np.ndarray
    chance: np.ndarray
    label: np.ndarray
    ends: np.ndarray
    loss: np.ndarray
    counts: np.ndarray


HEAD, TAIL, SEEN, SKIPPED, CORRECTED = range(5)


def click_layout(features: int) -> Layout:
    """The arrays of a `ClickState` over so many features."""
    once: dict[str, Column] = {
        "pull": Column(np.float64, (features + 1,), per_id=False),
        "power": Column(np.float64, (features + 1,), per_id=False),
        "mean": Column(np.float64, (features + 1,), per_id=False),
        "spread": Column(np.float64, (features + 1,), per_id=False),
        "x": Column(np.float32, (RING, features + 1), per_id=False),
        "user": Column(np.int32, (RING,), -1, per_id=False),
        "item": Column(np.int32, (RING,), -1, per_id=False),
        "time_ms": Column(np.int64, (RING,), per_id=False),
        "before": Column(np.int64, (RING,), -1, per_id=False),
        "chance": Column(np.float64, (RING,), per_id=False),
        "label": Column(np.int8, (RING,), per_id=False),
        "ends": Column(np.int64, (5,), per_id=False),
        "loss": Column(np.float64, (2,), per_id=False),
        "counts": Column(np.float64, (2, BINS, 2), per_id=False),
    }
    return once


@compiled
def is_looked_at(state: ClickState) -> bool:
    """Whether the next view is one of those looked at; counts it."""
    state.ends[SEEN] += 1
    if state.ends[SEEN] % SAMPLED != 1:
        return False
    if state.ends[HEAD] - state.ends[TAIL] >= RING:
        state.ends[SKIPPED] += 1
        return False
    return True


@compiled
def weight_of_feature(state: ClickState, f: int) -> float:
    """A weight as it follows from its sums."""
    return -state.pull[f] / ((BETA + np.sqrt(state.power[f])) / ALPHA + L2)


@compiled
def _chance(state: ClickState, x: np.ndarray) -> float:
    score = 0.0
    for f in range(len(x)):
        score += weight_of_feature(state, f) * x[f]
    return 1.0 / (1.0 + np.exp(-min(max(score, -30.0), 30.0)))


@compiled
def _bring_to_scale(state: ClickState, x: np.ndarray, scaled: np.ndarray, views: int) -> None:
    """Writes features less their mean in units of their spread, both over all views so far (Welford 1962)."""
    last = len(x) - 1
    for f in range(last):
        off = x[f] - state.mean[f]
        state.mean[f] += off / views
        state.spread[f] += off * (x[f] - state.mean[f])
        deviation = np.sqrt(state.spread[f] / views)
        scaled[f] = (x[f] - state.mean[f]) / deviation if deviation > 1e-6 else 0.0
    scaled[last] = x[last]


@compiled
def begin_view(state: ClickState, who: tuple[int, int], now_ms: int, x: np.ndarray, before: int) -> int:
    """Predicts a view and lets it wait for its label; says its number, which is `before` of the user's next."""
    number = state.ends[HEAD]
    at = number % RING
    _bring_to_scale(state, x, state.x[at], number + 1)
    state.user[at], state.item[at] = who
    state.time_ms[at], state.before[at], state.label[at] = now_ms, before, WAITING
    state.chance[at] = _chance(state, state.x[at])
    state.ends[HEAD] = number + 1
    return number


@compiled
def settle_views(state: ClickState, now_ms: int, delay_ms: int) -> None:
    """Learns the views whose time for a click is over as negatives."""
    while state.ends[TAIL] < state.ends[HEAD]:
        at = state.ends[TAIL] % RING
        if state.time_ms[at] + delay_ms >= now_ms:
            return
        if state.label[at] == WAITING:
            _label(state, at, 0.0, 0.0)
            state.label[at] = NEGATIVE
        state.ends[TAIL] += 1


@compiled
def note_taken(state: ClickState, who: tuple[int, int, int], now_ms: int, delay_ms: int, paid: bool) -> None:
    """A click or a paid line: the user's latest view of the item becomes a positive, in time or as a correction."""
    user, item, number = who
    while number >= 0 and number > state.ends[HEAD] - RING:
        at = number % RING
        if state.user[at] != user:
            return
        if state.item[at] == item:
            if state.label[at] == WAITING and now_ms - state.time_ms[at] <= delay_ms:
                _label(state, at, 1.0, 0.0)
                state.label[at] = POSITIVE
                return
            if paid and state.label[at] == NEGATIVE:
                _unlabel(state, at)
                # Its own step, and one back for the step that it made as a negative (fake negative).
                _label(state, at, 1.0, state.chance[at])
                state.label[at] = POSITIVE
                state.ends[CORRECTED] += 1
                return
        number = state.before[at]


@compiled
def _label(state: ClickState, at: int, label: float, undone: float) -> None:
    """One step of FTRL towards a label; tallies what had been predicted."""
    x = state.x[at]
    slope = _chance(state, x) - label - undone
    for f in range(len(x)):
        g = slope * x[f]
        weight = weight_of_feature(state, f)
        sigma = (np.sqrt(state.power[f] + g * g) - np.sqrt(state.power[f])) / ALPHA
        state.pull[f] += g - sigma * weight
        state.power[f] += g * g
    _tally(state, at, int(label), 1.0)


@compiled
def _unlabel(state: ClickState, at: int) -> None:
    _tally(state, at, 0, -1.0)


@compiled
def _tally(state: ClickState, at: int, label: int, times: float) -> None:
    chance = min(max(state.chance[at], 1e-12), 1.0 - 1e-12)
    state.loss[label] -= times * np.log(chance if label else 1.0 - chance)
    column = min(int(np.sqrt(np.sqrt(chance)) * BINS), BINS - 1)
    state.counts[label, column, 0] += times
    state.counts[label, column, 1] += times * chance


def click_figures(state: ClickState) -> dict[str, float]:
    """Log-loss, that of the mean rate, AUC (to the tallies' width), and calibration: clicks over clicks predicted."""
    counts, sums = state.counts[:, :, 0], state.counts[:, :, 1]
    negatives, positives = counts.sum(axis=1).tolist()
    if not positives or not negatives:
        return {}
    total, rate = positives + negatives, positives / (positives + negatives)
    below = np.cumsum(counts[0]) - counts[0]
    wins = float((counts[1] * (below + counts[0] / 2)).sum())
    return {
        "click_views": total,
        "click_rate": rate,
        "click_log_loss": float(state.loss.sum()) / total,
        "click_log_loss_of_rate": float(-rate * np.log(rate) - (1 - rate) * np.log(1 - rate)),
        "click_auc": wins / (positives * negatives),
        "click_calibration": positives / max(float(sums.sum()), 1e-300),
        "click_corrected": float(state.ends[CORRECTED]),
    }
