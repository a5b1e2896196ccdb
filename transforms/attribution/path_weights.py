"""`DayWeights`: what share each node has under `markov` and `shapley` as of the end of each day.

Shares are whole billionths of the sum over all nodes. So what is split by them is split in whole numbers alone, and the
last bits of a float, which may differ from one processor to another, do not show.

>>> share_of([1.0, 1.0, 0.0]).tolist()
[500000000, 500000000, 0]
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from schemas.metrics import PATH_MODELS
from schemas.path_nodes import NODES
from schemas.path_shares import WHOLE
from transforms.attribution.markov import removal_effects
from transforms.attribution.path_days import Counts, sets_of, steps_of
from transforms.attribution.shapley import shapley_parts

ORDER: Final = 1
"""Of the Markov chain, unless said."""

Weights = npt.NDArray[np.int64]


def share_of(values: Sequence[float] | Sequence[int]) -> Weights:
    """Return each value's share of their sum in whole billionths; 0 throughout where the sum is 0."""
    total = sum(values)
    return np.array([round(value * WHOLE / total) if total else 0 for value in values], np.int64)


def weights_of(counts: Counts, order: int) -> Weights:
    """Solve both models for the counts by the end of a day: a row a model, a column a node."""
    effects = removal_effects(steps_of(counts, order), NODES).conversions
    sets = sets_of(counts)
    parts = shapley_parts(sets.sets, sets.converted, NODES)
    return np.stack([share_of(effects.tolist()), share_of(parts)])


class DayWeights:
    """The weights of each day whose counts differ from the day before; other days have those before them."""

    def __init__(self) -> None:
        self.days = np.zeros(0, np.int64)
        self._weights = np.zeros((1, len(PATH_MODELS), NODES), np.int64)

    def rows_of(self, days: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the row of `table` for each day; row 0, all zeros, is for those before the first."""
        return np.searchsorted(self.days, days, side="right")

    @property
    def table(self) -> npt.NDArray[np.int64]:
        """Weights by row, model and node."""
        return self._weights

    def changes_since(self, before: "DayWeights") -> Iterator[tuple[int, Weights]]:
        """Yield each day and its weights that are others than before, or were not there."""
        known = dict(zip(before.days.tolist(), before.table[1:], strict=True))
        for day, weights in zip(self.days.tolist(), self.table[1:], strict=True):
            if day not in known or (known[day] != weights).any():
                yield day, weights

    def replaced(self, since: int, solved: Iterable[tuple[int, Weights]]) -> "DayWeights":
        """Return the same up to the day `since`, and from it on what was solved, day after day."""
        kept, more = int(np.searchsorted(self.days, since)), list(solved)
        out = DayWeights()
        out.days = np.concatenate([self.days[:kept], np.array([day for day, _ in more], np.int64)])
        out._weights = np.concatenate([self._weights[: kept + 1], *(weights[None] for _, weights in more)])
        return out

    def forget(self, before: int) -> list[tuple[int, Weights]]:
        """Drop what no day from `before` on has, and return it."""
        gone = max(int(np.searchsorted(self.days, before, side="right")) - 1, 0)
        dropped = list(zip(self.days[:gone].tolist(), self._weights[1 : gone + 1], strict=True))
        self.days = self.days[gone:]
        self._weights = np.concatenate([self._weights[:1], self._weights[gone + 1 :]])
        return dropped

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {"days": self.days, "weights": self._weights}

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`."""
        self.days, self._weights = np.array(state["days"]), np.array(state["weights"])
