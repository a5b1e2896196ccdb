"""`ChannelNames`: channels by number, in order of their first appearance, and the node of each.

>>> names = ChannelNames()
>>> names.numbers_of(pa.array(["coupon\\x1fa", "campaign\\x1fb", "coupon\\x1fa"])).tolist(), names.nodes.tolist()
([0, 1, 0], [1, 3])
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms.attribution.nodes import nodes_of
from transforms.state.hashing import hash_text
from transforms.state.index import HashIndex
from transforms.state.texts import Texts


class ChannelNames:
    """State: a channel takes 14 bytes and its name."""

    def __init__(self) -> None:
        self._index, self._names = HashIndex(), Texts()
        self.nodes = np.zeros(0, np.uint8)

    def numbers_of(self, names: pa.Array) -> npt.NDArray[np.int32]:
        """Return each channel's number; new ones get the next."""
        encoded = names if pa.types.is_dictionary(names.type) else names.dictionary_encode()
        known = len(self._index)
        rows = self._index.rows_of(hash_text(encoded.dictionary))
        new = encoded.dictionary.take(pa.array(_first_of(rows, known, len(self._index))))
        self._names.extend(new)
        self.nodes = np.concatenate([self.nodes, nodes_of(new)])
        return rows[encoded.indices.to_numpy()]

    def texts(self, numbers: npt.NDArray[Any]) -> pa.StringArray:
        """Return the names of channels by their numbers."""
        return self._names.take(numbers)

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {"index": self._index.state(), "names": self._names.state(), "nodes": self.nodes}

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`."""
        self._index.load(state["index"])
        self._names.load(state["names"])
        self.nodes = np.array(state["nodes"])


def _first_of(rows: npt.NDArray[np.int32], known: int, upto: int) -> npt.NDArray[np.int64]:
    """Return where each new row number stands first."""
    new = np.flatnonzero(rows >= known)
    _, at = np.unique(rows[new], return_index=True)
    return new[at][: upto - known]
