"""Removal effects against a dense fundamental matrix, enumeration of walks, and a public package's results."""

from itertools import groupby

import numpy as np
import pytest
from channel_paths import REFERENCE_NOISE, Paths, needs_paths, read_paths, rows
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.attribution.markov import (
    CONVERSION,
    NULL,
    PathCount,
    Transitions,
    removal_effects,
    transitions_of,
)

_CHANNELS = st.lists(st.integers(1, 4), min_size=1, max_size=6)
_PATHS = st.lists(
    st.tuples(_CHANNELS, st.integers(1, 5), st.integers(0, 900), st.integers(0, 5))
    | st.tuples(_CHANNELS, st.just(0), st.just(0), st.integers(0, 5)),
    min_size=1,
    max_size=12,
)


def dense_effects(counts: list[PathCount], channels: int, order: int) -> np.ndarray:
    """Removal effects by the fundamental matrix of the whole chain, its states named by tuples."""
    steps: dict[tuple[tuple[int, ...], object], list[float]] = {}
    for path, converted, value, open_ in counts:
        state: tuple[int, ...] = ()
        for channel, _ in groupby(path):
            after = (*state, channel)[-order:]
            steps.setdefault((state, after), [0.0, 0.0])[0] += converted + open_
            state = after
        steps.setdefault((state, "null"), [0.0, 0.0])[0] += open_
        ends = steps.setdefault((state, "won"), [0.0, 0.0])
        ends[0] += converted
        ends[1] += value
    states = sorted({state for state, _ in steps})
    at = {state: row for row, state in enumerate(states)}

    def won(removed: int | None) -> np.ndarray:
        inner, ends = np.zeros((len(states), len(states))), np.zeros((len(states), 2))
        leaving = np.zeros(len(states))
        for (state, after), (times, value) in steps.items():
            leaving[at[state]] += times
            if after == "won":
                ends[at[state]] += times, value
            elif isinstance(after, tuple) and after[-1] != removed:
                inner[at[state], at[after]] += times
        alive = np.maximum(leaving, 1e-300)[:, None]
        return (np.linalg.inv(np.eye(len(states)) - inner / alive) @ (ends / alive))[at[()]]

    whole = won(None)
    lost = np.array([whole - won(channel) for channel in range(1, channels + 1)])
    return np.divide(lost, whole, out=np.zeros_like(lost), where=whole > 0)


@settings(max_examples=150, deadline=None)
@given(counts=_PATHS, order=st.integers(1, 3))
def test_what_is_lost_without_a_channel_is_what_the_fundamental_matrix_says(counts, order):
    effects = removal_effects(transitions_of(counts, order), channels=4)
    expected = dense_effects(counts, 4, order)
    if sum(converted for _, converted, _, _ in counts):
        np.testing.assert_allclose(effects.conversions, expected[:, 0], atol=1e-9)
    np.testing.assert_allclose(effects.values[expected[:, 1] > 0], expected[expected[:, 1] > 0, 1], atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(counts=_PATHS, order=st.integers(1, 3), seed=st.randoms(use_true_random=False))
def test_the_order_of_paths_and_of_rows_changes_no_bit(counts, order, seed):
    shuffled = counts.copy()
    seed.shuffle(shuffled)
    first = removal_effects(transitions_of(counts, order), 4)
    counted = transitions_of(shuffled, order)
    mixed = list(range(len(counted.target)))
    seed.shuffle(mixed)
    second = removal_effects(Transitions(*(part[mixed] for part in counted)), 4)
    assert first.conversions.tobytes() == second.conversions.tobytes()
    assert first.values.tobytes() == second.values.tobytes()


def test_a_channel_on_every_converting_path_is_worth_all_and_one_on_none_nothing():
    effects = removal_effects(transitions_of([((1, 2), 3, 30, 1), ((1, 3), 0, 0, 4)], 1), 4)
    assert effects.conversions.tolist() == [1.0, 1.0, 0.0, 0.0]


def test_without_a_conversion_no_channel_is_worth_anything():
    assert removal_effects(transitions_of([((1, 2), 0, 0, 3)], 2), 2).conversions.tolist() == [0.0, 0.0]
    assert removal_effects(transitions_of([], 2), 2).values.tolist() == [0.0, 0.0]


@pytest.fixture(scope="module")
def paths() -> Paths:
    return read_paths()


@needs_paths
def test_transitions_are_those_of_the_reference(paths):
    counted = transitions_of(paths.counts, 1)
    ours = {}
    for (source,), target, times in zip(
        counted.context.tolist(), counted.target, counted.weight, strict=True
    ):
        left = counted.weight[counted.context[:, 0] == source].sum()
        name = {NULL: "(null)", CONVERSION: "(conversion)"}.get(int(target), str(target))
        if times:
            ours[str(source) if source else "(start)", name] = times / left
    theirs = {
        (row["channel_from"], row["channel_to"]): float(row["transition_probability"])
        for row in rows("ref_transition_matrix.csv")
    }
    assert ours == pytest.approx(theirs, abs=1e-12)


@needs_paths
@pytest.mark.parametrize("order", [1, 2, 3])
def test_real_paths_give_what_a_dense_solve_gives(paths, order):
    effects = removal_effects(transitions_of(paths.counts, order), len(paths.names))
    if order < 3:
        expected = dense_effects(paths.counts, len(paths.names), order)
        np.testing.assert_allclose(np.stack(effects, axis=1), expected, atol=1e-9)
    again = removal_effects(transitions_of(paths.counts[::-1], order), len(paths.names))
    np.testing.assert_allclose(effects.conversions, again.conversions, atol=1e-12)


@needs_paths
def test_removal_effects_are_the_simulated_ones_within_their_noise(paths):
    effects = removal_effects(transitions_of(paths.counts, 1), len(paths.names))
    reference = list(rows("ref_removal_effects.csv"))
    simulated = np.array([float(row["removal_effects_conversion"]) for row in reference])
    assert np.abs(effects.conversions - simulated).max() < REFERENCE_NOISE
    of_value = np.array([float(row["removal_effects_conversion_value"]) for row in reference])
    assert np.abs(effects.values - of_value).max() < REFERENCE_NOISE


@needs_paths
def test_conversions_by_channel_are_the_simulated_ones_within_their_noise(paths):
    effects = removal_effects(transitions_of(paths.counts, 1), len(paths.names))
    for column, part, total in (
        ("total_conversions", effects.conversions, sum(count[1] for count in paths.counts)),
        ("total_conversion_value", effects.values, sum(count[2] for count in paths.counts)),
    ):
        simulated = np.array([float(row[column]) for row in rows("ref_markov_order1.csv")])
        ours = part / part.sum() * total
        assert simulated.sum() == pytest.approx(total)
        assert np.abs(ours - simulated).max() < REFERENCE_NOISE * total
        large = simulated > 0.1 * total
        assert np.abs(ours / simulated - 1)[large].max() < REFERENCE_NOISE
