"""The baselines against brute force over the same sessions, and McNemar's test against scipy."""

from collections import defaultdict
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from online_models.baselines import ItemKNN, SessionKNN
from online_models.mcnemar import sliding_mcnemar

walks = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 7)), min_size=1, max_size=60)
"""Session and item of each click."""


def taught(model, walk: list[tuple[int, int]]) -> dict[int, list[int]]:
    sessions: dict[int, list[int]] = defaultdict(list)
    for session, item in walk:
        model.learn((session, 1), sessions[session], item)
        sessions[session].append(item)
    return sessions


@given(walk=walks)
@settings(max_examples=60, deadline=None)
def test_item_knn_is_the_cosine_of_sessions(walk: list[tuple[int, int]]) -> None:
    model = ItemKNN()
    sessions = [set(items) for items in taught(model, walk).values()]
    for last in range(8):
        for item, score in model.scores((9, 1), [last]).items():
            own, other = ([here for here in sessions if wanted in here] for wanted in (last, item))
            both = [here for here in own if item in here]
            assert score == pytest.approx(len(both) / sqrt(len(own) * len(other)))


@given(walk=walks)
@settings(max_examples=60, deadline=None)
def test_session_knn_hears_the_sessions_that_share_an_item(walk: list[tuple[int, int]]) -> None:
    model = SessionKNN()
    sessions = taught(model, walk).values()
    for last in range(8):
        expected: dict[int, float] = defaultdict(float)
        for items in sessions:
            for item in set(items) if last in items else ():
                expected[item] += 1.0
        assert model.scores((9, 1), [last]) == pytest.approx(expected)


def test_mcnemar_is_that_of_chi_squared() -> None:
    rng = np.random.default_rng(5)
    first, second = rng.random(2_500) < 0.6, rng.random(2_500) < 0.5
    windows = sliding_mcnemar(first, second, window=1_000)
    assert len(windows) == 2
    for window, part in zip(windows, (slice(0, 1_000), slice(1_000, None)), strict=True):
        ours = sum(a and not b for a, b in zip(first[part], second[part], strict=True))
        theirs = sum(b and not a for a, b in zip(first[part], second[part], strict=True))
        assert (window.only_first, window.only_second) == (ours, theirs)
        assert window.p == pytest.approx(chi2.sf((abs(ours - theirs) - 1) ** 2 / (ours + theirs), 1))
