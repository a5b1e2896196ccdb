"""Off-policy estimates: the value of a candidate policy from logged propensities.

The value is the mean reward a shown item. All three are right on average where the logged policy shows
with some chance whatever the candidate would; what differs is how much they vary.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.errors import UsageError

Numbers = npt.NDArray[np.float64]


class Logged(NamedTuple):
    """One entry a shown item: its reward, the chance with which it was shown, and the candidate's chance."""

    reward: Numbers
    propensity: Numbers
    chance: Numbers


def ips(logged: Logged) -> float:
    """Inverse propensity score (Horvitz, Thompson 1952): unbiased, and wild where propensities are small.

    >>> shown = Logged(np.array([1.0, 0.0]), np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    >>> ips(shown), snips(shown)
    (1.0, 1.0)
    """
    return float((_importance(logged) * logged.reward).mean())


def snips(logged: Logged) -> float:
    """The same divided by the weights' sum (Swaminathan, Joachims 2015): never beyond what rewards can be."""
    weights = _importance(logged)
    if weights.sum() == 0.0:
        raise UsageError("snips: the candidate shows nothing of what was logged, so nothing is known of it")
    return float((weights * logged.reward).sum() / weights.sum())


def doubly_robust(logged: Logged, expected: Numbers, candidate: Numbers) -> float:
    """A model's expectation, corrected by what was logged (Dudík, Langford, Li 2011).

    `expected` is what the model says of the reward of each logged entry, `candidate` what it says of the
    candidate's choice there. It is right where either the model or the propensities are.
    """
    corrections = _importance(logged) * (logged.reward - expected)
    return float((candidate + corrections).mean())


def _importance(logged: Logged) -> Numbers:
    if len(logged.reward) == 0:
        raise UsageError("off-policy: there are no logged entries; an estimate needs at least one")
    least = float(logged.propensity.min())
    if not 0.0 < least <= float(logged.propensity.max()) <= 1.0:
        raise UsageError(f"off-policy: propensities are above 0 and at most 1, got {least}..")
    return np.asarray(logged.chance / logged.propensity, np.float64)
