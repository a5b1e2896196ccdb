"""New items and the chance with which Thompson sampling shows each: computed, not drawn, so that it can be logged.

Thompson sampling shows an item with the chance that its click rate is the best of all under what is known
(Thompson 1933). What is known of a new item is a beta distribution: clicks and views so far on top of a prior
that has the mean rate of all items.
"""

from typing import Any

import numpy as np

from online_models.features import since_hour_of
from online_models.mix import Mix

NEW_MS = 24 * 3_600_000
"""An item is new for so long after it was first seen."""

EXPLORED = 20
"""New items that take turns: the latest."""

PRIOR_VIEWS = 20.0
"""Views at the mean rate that every item is credited with."""

POINTS = 1_024
"""Rates at which distributions are compared, closer together where they are small."""


def new_items(mix: Mix) -> Any:
    """Rows of the latest items that are new and available, the newest first."""
    sight, rows = mix._state.sight, np.arange(len(mix._items))
    forever = -1 if mix.availability_ms is None else mix.availability_ms
    first_ms, hour = sight.first_ms[: len(rows)], sight.hour[: len(rows)]
    new = rows[(first_ms > mix.now_ms - NEW_MS) & (hour >= since_hour_of(mix.now_ms, forever))]
    return new[np.argsort(-first_ms[new], kind="stable")][:EXPLORED]


def best_chances(mix: Mix, rows: Any) -> Any:
    """The chance of each of these items that its rate is the best of theirs."""
    sight = mix._state.sight
    rate = min(max((sight.taken.sum() + 1.0) / (sight.shown.sum() + PRIOR_VIEWS), 1e-3), 0.5)
    taken = sight.taken[rows].astype(np.float64)
    passed_by = np.maximum(sight.shown[rows] - taken, 0.0)
    return chances_of_best(PRIOR_VIEWS * rate + taken, PRIOR_VIEWS * (1.0 - rate) + passed_by)


def chances_of_best(alpha: Any, beta: Any) -> Any:
    """The chance of each beta distribution that a draw from it is the largest, by adding up over `POINTS` rates.

    >>> chances_of_best(np.array([5.0, 5.0]), np.array([50.0, 50.0])).round(3).tolist()
    [0.5, 0.5]
    """
    if len(alpha) == 0:
        return np.zeros(0)
    edges = np.linspace(0.0, 1.0, POINTS + 1) ** 3
    rates, widths = (edges[1:] + edges[:-1]) / 2.0, np.diff(edges)
    logs = (alpha[:, None] - 1.0) * np.log(rates) + (beta[:, None] - 1.0) * np.log1p(-rates) + np.log(widths)
    mass = np.exp(logs - logs.max(axis=1, keepdims=True))
    mass /= mass.sum(axis=1, keepdims=True)
    below = np.log(np.maximum(np.cumsum(mass, axis=1) - mass / 2.0, 1e-300))
    others = np.exp(below.sum(axis=0, keepdims=True) - below)
    chances = (mass * others).sum(axis=1)
    return chances / chances.sum()
