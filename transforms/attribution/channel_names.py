"""`ChannelNames`: channels by number, in order of their first appearance, and the node of each.

>>> names = ChannelNames()
>>> names.numbers_of(pa.array(["coupon\\x1fa", "campaign\\x1fb", "coupon\\x1fa"])).tolist(), names.nodes.tolist()
([0, 1, 0], [1, 3])
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.errors import StateError
from schemas.path_nodes import nodes_of
from transforms.state.hashing import hash_text
from transforms.state.index import HashIndex
from transforms.state.texts import Texts


class ChannelNames:
    """State: a channel takes 14 bytes and its name."""

    def __init__(self, most: int = 1 << 24) -> None:
        """Raises StateError where there would be more than `most`."""
        self._most = most
        self._index, self._names = HashIndex(), Texts()
        self.nodes, self.further = np.zeros(0, np.uint8), np.zeros(0, np.bool_)

    def numbers_of(self, names: pa.Array, further: bool = False) -> npt.NDArray[np.int32]:
        """Return each channel's number, -1 for null; new ones get the next. `further` ones are of another kind."""
        encoded = names if pa.types.is_dictionary(names.type) else names.dictionary_encode()
        known = len(self._index)
        rows = self._index.rows_of(hash_text(encoded.dictionary))
        if len(self._index) > known:
            self._add(encoded.dictionary, rows, known, further)
        indices = encoded.indices.fill_null(-1).to_numpy()
        return np.append(rows, np.int32(-1))[indices]

    def _add(self, names: pa.Array, rows: npt.NDArray[np.int32], known: int, further: bool) -> None:
        """Take note of the names of rows that are new."""
        new = names.take(pa.array(_first_of(rows, known)))
        if len(self._index) > self._most:
            raise StateError(
                f"More than {self._most} channels, creators, MCNs and merchants have been touched: credit by paths holds "
                "no more. Run with --no-attribution, or look for ids that are made anew for each event."
            )
        self._names.extend(new)
        self.nodes = np.concatenate([self.nodes, nodes_of(new)])
        self.further = np.concatenate([self.further, np.full(len(new), further)])

    def texts(self, numbers: npt.NDArray[Any]) -> pa.StringArray:
        """Return the names of channels by their numbers."""
        return self._names.take(numbers)

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {"index": self._index.state(), "names": self._names.state()} | {
            "nodes": self.nodes, "further": self.further,
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`."""
        self._index.load(state["index"])
        self._names.load(state["names"])
        self.nodes, self.further = np.array(state["nodes"]), np.array(state["further"])


def _first_of(rows: npt.NDArray[np.int32], known: int) -> npt.NDArray[np.int64]:
    """Return where each new row number stands first."""
    new = np.flatnonzero(rows >= known)
    _, at = np.unique(rows[new], return_index=True)
    return new[at]
