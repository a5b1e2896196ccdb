"""What the nodes of channel paths weigh under `markov` and `shapley`, day by day."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.keys import VERSION_BYTES, path_weights_key
from schemas.metrics import PATH_MODELS
from schemas.path_nodes import NODES
from schemas.records import decode_path_weights
from serving.access import Store, read_hashes
from serving.cells import damage


class PathWeights(NamedTuple):
    """The starts of days, ascending, and their weights by row, model and node; row 0 is for days before the first."""

    days_ms: NDArray[np.int64]
    table: NDArray[np.int64]

    def rows_of(self, times_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row of each moment: a day that has none has the weights of the one before."""
        return np.searchsorted(self.days_ms, times_ms, side="right")

    def of(self, model: str) -> NDArray[np.int64]:
        """Return the weights under one model by row and node."""
        return np.ascontiguousarray(self.table[:, PATH_MODELS.index(model)])


def read_path_weights(store: Store) -> PathWeights:
    """Return the weights of all days: 30 µs a day."""
    (held,) = read_hashes(store, [path_weights_key(store.namespace)])
    with damage():
        told = sorted((int(day), decode_path_weights(value[VERSION_BYTES:])) for day, value in held.items())
        table = np.zeros((len(told) + 1, len(PATH_MODELS), NODES), np.int64)
        for row, (_, weights) in enumerate(told, 1):
            table[row] = weights.markov, weights.shapley
    return PathWeights(np.array([day for day, _ in told], np.int64), table)
