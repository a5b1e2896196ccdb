"""What came of what was shown: a click within the delay is 1; none is 0, once the delay is over."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from online_models.off_policy.estimators import Logged, Numbers
from schemas.shown import Shown

Click = tuple[str, str, int]
"""Who clicked what, and when."""


class Labelled(NamedTuple):
    """One entry a shown item whose label is known: its place among all shown, its reward and its propensity."""

    place: np.ndarray
    reward: Numbers
    propensity: Numbers

    def of_itself(self) -> Logged:
        """The log as that of a candidate that would have shown the same with the same chances."""
        return Logged(self.reward, self.propensity, self.propensity)


def labelled(shown: Sequence[Shown], clicks: Iterable[Click], delay_ms: int, watermark_ms: int) -> Labelled:
    """Join clicks to what was shown; entries whose delay the watermark has not passed are left out, unless clicked.

    A click counts for the latest showing of the item to the user before it. Costs a pass over both.

    >>> shown = [Shown("ann", 0, 1, ["tea", "cup"], [1.0, 0.25])]
    >>> labelled(shown, [("ann", "cup", 900)], delay_ms=1_000, watermark_ms=5_000).reward.tolist()
    [0.0, 1.0]
    """
    flat = [
        (entry.user_id, item, entry.time_ms, chance)
        for entry in shown
        for item, chance in zip(entry.items, entry.propensities, strict=True)
    ]
    showings: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for place, (user, item, time_ms, _) in enumerate(flat):
        showings[user, item].append((time_ms, place))
    reward = np.zeros(len(flat))
    for user, item, time_ms in clicks:
        before = [each for each in showings.get((user, item), ()) if 0 <= time_ms - each[0] <= delay_ms]
        if before:
            reward[max(before)[1]] = 1.0
    known = np.array([time_ms + delay_ms < watermark_ms for _, _, time_ms, _ in flat], np.bool_) | (
        reward > 0
    )
    propensity = np.array([chance for *_, chance in flat])
    return Labelled(np.flatnonzero(known), reward[known], propensity[known])
