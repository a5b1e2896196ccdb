"""The closed form against the definition: the mean of marginal contributions over all orders of joining."""

from fractions import Fraction
from itertools import combinations
from math import factorial

import numpy as np
import pytest
from channel_paths import needs_paths, read_paths
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.attribution.markov import without_repeats
from transforms.attribution.shapley import PARTS, shapley_parts, shapley_values

_GAMES = st.integers(1, 8).flatmap(
    lambda channels: st.tuples(
        st.just(channels),
        st.dictionaries(st.integers(1, 2**channels - 1), st.integers(0, 10**9), max_size=20),
    )
)


def brute_force(channels: int, worth: dict[int, int]) -> list[Fraction]:
    """Shapley's formula, over all coalitions without the channel."""

    def v(coalition: int) -> int:
        return sum(brought for held, brought in worth.items() if held & ~coalition == 0)

    values = []
    for channel in range(channels):
        others = [1 << other for other in range(channels) if other != channel]
        total = Fraction(0)
        for size in range(channels):
            weight = Fraction(factorial(size) * factorial(channels - size - 1), factorial(channels))
            for members in combinations(others, size):
                total += weight * (v(sum(members) | 1 << channel) - v(sum(members)))
        values.append(total)
    return values


def parts_of(channels: int, worth: dict[int, int]) -> list[int]:
    return shapley_parts(np.array(list(worth), np.int64), np.array(list(worth.values()), np.int64), channels)


@settings(max_examples=60, deadline=None)
@given(game=_GAMES)
def test_the_closed_form_is_shapleys_formula(game):
    channels, worth = game
    expected = brute_force(channels, worth)
    assert [Fraction(part, PARTS) for part in parts_of(channels, worth)] == expected
    values = shapley_values(np.array(list(worth), np.int64), np.array(list(worth.values())), channels)
    np.testing.assert_allclose(values, [float(value) for value in expected], rtol=1e-9, atol=1e-9)


@settings(deadline=None)
@given(game=_GAMES)
def test_channels_share_all_that_was_brought_and_idle_ones_get_nothing(game):
    channels, worth = game
    parts = parts_of(channels, worth)
    assert sum(parts) == PARTS * sum(worth.values())
    for channel in range(channels):
        if not any(held >> channel & 1 for held, brought in worth.items() if brought):
            assert parts[channel] == 0


@settings(deadline=None)
@given(game=_GAMES, data=st.data())
def test_channels_that_change_places_change_values(game, data):
    channels, worth = game
    order = data.draw(st.permutations(range(channels)))
    moved = {sum(1 << order[c] for c in range(channels) if held >> c & 1): n for held, n in worth.items()}
    before, after = parts_of(channels, worth), parts_of(channels, moved)
    assert [after[order[channel]] for channel in range(channels)] == before


def test_more_channels_than_whole_parts_allow_are_named():
    with pytest.raises(ValueError, match=r"at most 15.*16"):
        shapley_parts(np.array([1]), np.array([1]), 16)
    assert shapley_values(np.array([1 << 20 | 1]), np.array([3.0]), 21)[[0, 20]].tolist() == [1.5, 1.5]


@needs_paths
def test_real_paths_share_all_conversions():
    paths = read_paths()
    sets: dict[int, int] = {}
    for channels, converted, _, _ in paths.counts:
        held = sum(1 << channel - 1 for channel in set(channels))
        sets[held] = sets.get(held, 0) + int(converted)
    parts = parts_of(len(paths.names), sets)
    assert sum(parts) == PARTS * sum(int(count[1]) for count in paths.counts)
    of_eight = {held & 255: 0 for held in sets if held & 255}
    for held, brought in sets.items():
        if held & 255:
            of_eight[held & 255] += brought
    assert [Fraction(part, PARTS) for part in parts_of(8, of_eight)] == brute_force(8, of_eight)


def test_repeats_in_a_row_are_one_visit():
    assert without_repeats([1, 1, 2, 2, 1]) == [1, 2, 1]
