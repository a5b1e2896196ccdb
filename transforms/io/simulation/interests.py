"""What users are interested in, and how that drifts from evening to evening.

A user's weights over the categories sum to 1: 0.15 spread evenly, 0.45 on a category that stays, and 0.40 that wanders
from one category to the next over four evenings, then on to another. Each weight is a function of user and evening
alone, so nothing is kept.
"""

from typing import Final

import numpy as np

from transforms.io.simulation.draws import Draws, Flags, Floats, Ints
from transforms.io.simulation.scenario import CATEGORIES

_SPREAD: Final = 0.15
_STAYS: Final = 0.45
_WANDERS: Final = 0.40
_EVENINGS_PER_LEG: Final = 4
_REGULARS: Final = 0.15


class Interests:
    """The users' latent tastes; an array operation a question."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws

    def weights(self, user: Ints, category: Ints, evening: int) -> Floats:
        """Return how interested each user is in each category in that evening; 1/12 is an average interest."""
        leg = (user + evening) // _EVENINGS_PER_LEG
        gone = ((user + evening) % _EVENINGS_PER_LEG) / _EVENINGS_PER_LEG
        leaving, coming = self._anchor(user, leg), self._anchor(user, leg + 1)
        return (
            _SPREAD / CATEGORIES
            + _STAYS * (category == self.lasting(user))
            + _WANDERS * ((1.0 - gone) * (category == leaving) + gone * (category == coming))
        )

    def relative(self, user: Ints, category: Ints, evening: int) -> Floats:
        """Return interest as a multiple of an average one."""
        return self.weights(user, category, evening) * CATEGORIES

    def lasting(self, user: Ints) -> Ints:
        """Return the category that each user keeps to."""
        return self._draws.below("lasting interest", user, CATEGORIES)

    def eagerness(self, user: Ints) -> Floats:
        """Return what multiplies a user's chance to buy: some buy often."""
        return np.where(self.buys_often(user), 2.0, 0.8)

    def buys_often(self, user: Ints) -> Flags:
        """Mark the users who buy often."""
        often: Flags = self._draws.share("buys often", user) < _REGULARS
        return often

    def _anchor(self, user: Ints, leg: Ints) -> Ints:
        return self._draws.below("passing interest", user * 4_096 + leg % 4_096, CATEGORIES)
