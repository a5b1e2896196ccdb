"""Exact Shapley values of channels over the coalitions of observed paths.

A coalition S is worth the conversions (or their value) of the paths that visited channels of S alone: v(S) is the sum
over T ⊆ S of what the paths with just the channels T brought. That is a sum of unanimity games, one an observed set, so
the Shapley value has a closed form: each set's conversions are split equally over its channels (Shapley: A value for
n-person games, 1953, lemma 3; for paths: Zhao, Mahboobi, Bagheri: Shapley value methods for attribution modeling in
online advertising, 2018, section 3). It is exact for any number of channels, so nothing is ever sampled.

v counts conversions, not conversions per visitor: with rates, adding a channel that many saw in vain would lower what a
coalition is worth, and values could be negative, which no share of money can be. Paths that did not convert add nothing.

Cost: linear in the number of observed sets.

>>> shapley_values(np.array([0b01, 0b11]), np.array([3, 4]), channels=2).tolist()
[5.0, 2.0]
"""

from math import lcm
from typing import Any, Final

import numpy as np
import numpy.typing as npt

MOST_EXACT: Final = 15
"""Up to so many channels sums are kept as whole numbers, of the parts that every size of a set divides."""
PARTS: Final = lcm(*range(1, MOST_EXACT + 1))


def shapley_parts(sets: npt.NDArray[np.int64], converted: npt.NDArray[np.int64], channels: int) -> list[int]:
    """Return each channel's value as a whole number of parts; `PARTS` of them are one conversion.

    Bit c − 1 of a set stands for channel c; there may be at most 15 channels.
    """
    if channels > MOST_EXACT:
        raise ValueError(
            f"whole parts need at most {MOST_EXACT} channels, got {channels}: use shapley_values"
        )
    bits = bits_of(sets, channels)
    each = (converted.astype(object) * PARTS) // np.maximum(bits.sum(axis=1), 1)
    return [int(each[bits[:, channel] == 1].sum()) for channel in range(channels)]


def shapley_values(
    sets: npt.NDArray[np.int64], worth: npt.NDArray[Any], channels: int
) -> npt.NDArray[np.float64]:
    """Return each channel's value; `worth` is what the paths of each observed set brought."""
    bits = bits_of(sets, channels)
    order = np.argsort(sets, kind="stable")
    each = worth[order] / np.maximum(bits[order].sum(axis=1), 1)
    return np.asarray(each @ bits[order], np.float64)


def bits_of(sets: npt.NDArray[np.int64], channels: int) -> npt.NDArray[np.int64]:
    """Return a row of zeros and ones for each set."""
    return (np.asarray(sets, np.int64)[:, None] >> np.arange(channels)) & 1
