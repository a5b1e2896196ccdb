"""Seeded draws by counter: the same purpose and key give the same draw, in whatever order they are asked for.

So a person's luck can be looked up twice, once for each of two worlds (common random numbers), and blocks need not be
made one after another. Only integer arithmetic and exact float products: no library's random stream, no logarithm, so
the bits are the same on every machine. Each draw is Steele, Lea and Flood's SplitMix64 (2014) of purpose and key.

>>> draws = Draws(seed=1)
>>> share = draws.share("example", np.arange(3))
>>> bool((share == draws.share("example", np.arange(5))[:3]).all()), bool((share < 1).all())
(True, True)
"""

import hashlib
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_UNIT: Final = 1.0 / (1 << 53)


class Draws:
    """Independent draws for each purpose and key under one seed; some 5 ns each."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def share(self, purpose: str, keys: Ints) -> Floats:
        """Draw evenly from [0, 1), 53 bits each."""
        bits = keys.astype(np.uint64) * _STEP + self._salt(purpose)
        bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
        bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
        bits ^= bits >> np.uint64(31)
        drawn: Floats = (bits >> np.uint64(11)).astype(np.float64) * _UNIT
        return drawn

    def below(self, purpose: str, keys: Ints, bound: Ints | int) -> Ints:
        """Draw whole numbers from 0 up to `bound`, which is left out."""
        return (self.share(purpose, keys) * bound).astype(np.int64)

    def between(self, purpose: str, keys: Ints, least: Ints | int, most: Ints | int) -> Ints:
        """Draw whole numbers from `least` up to `most`, which is left out."""
        return least + self.below(purpose, keys, most - least)

    def long_tailed(self, purpose: str, keys: Ints, median: float, most: float) -> Ints:
        """Draw whole numbers that are usually near the median and now and then many times it (log-logistic)."""
        share = self.share(purpose, keys)
        return np.minimum(median * (0.05 + share) / (1.05 - share), most).astype(np.int64)

    def _salt(self, purpose: str) -> np.uint64:
        digest = hashlib.blake2b(f"{self._seed} {purpose}".encode(), digest_size=8).digest()
        return np.uint64(int.from_bytes(digest, "little"))


def picked(weights: Floats, shares: Floats) -> Ints:
    """Return the index that each share falls on where indices are as wide as their weights."""
    summed = np.cumsum(weights)
    found: Ints = np.searchsorted(summed, shares * summed[-1], side="right").astype(np.int64)
    return np.minimum(found, len(weights) - 1)
