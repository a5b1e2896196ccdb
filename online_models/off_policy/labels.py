"""What came of what was shown: a click within the delay is 1; none is 0, once the delay is over."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from online_models.off_policy.estimators import Logged, Numbers
from online_models.off_policy.showings import Taking, first_taken
from schemas.shown import Shown


class Labelled(NamedTuple):
    """One entry a shown item whose label is known: its place among all shown, its reward and its propensity."""

    place: np.ndarray
    reward: Numbers
    propensity: Numbers

    def of_itself(self) -> Logged:
        """The log as that of a candidate that would have shown the same with the same chances."""
        return Logged(self.reward, self.propensity, self.propensity)


def labelled(shown: Sequence[Shown], clicks: Iterable[Taking], delay_ms: int, watermark_ms: int) -> Labelled:
    """Join clicks to what was shown; entries whose delay the watermark has not passed are left out, unless clicked.

    A click counts for the latest showing of the item to the user before it (`showings`). Costs a pass over both.

    >>> shown = [Shown("ann", 0, 1, ["tea", "cup"], [1.0, 0.25])]
    >>> labelled(shown, [("ann", "cup", 900)], delay_ms=1_000, watermark_ms=5_000).reward.tolist()
    [0.0, 1.0]
    """
    flat = [
        (entry.user_id, item, entry.time_ms, chance)
        for entry in shown
        for item, chance in zip(entry.items, entry.propensities, strict=True)
    ]
    clicked = first_taken([each[:3] for each in flat], clicks, delay_ms)
    reward = np.array([time_ms is not None for time_ms in clicked], np.float64)
    over = np.array([at_ms + delay_ms < watermark_ms for _, _, at_ms, _ in flat], np.bool_)
    propensity = np.array([chance for *_, chance in flat])
    known = over | (reward > 0)
    return Labelled(np.flatnonzero(known), reward[known], propensity[known])
