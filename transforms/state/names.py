"""`Names`: a number for every string, in order of arrival, for state that stands in columns.

>>> names = Names()
>>> names.codes(pa.array(["a", "b", "a"])).tolist(), names.take(np.array([1, 0])).to_pylist()
([0, 1, 0], ['b', 'a'])
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms.state.hashing import hash_text
from transforms.state.index import HashIndex
from transforms.state.texts import Texts


class Names:
    """Strings that are kept once; about 25 bytes each and their own."""

    def __init__(self) -> None:
        self._index, self._texts = HashIndex(), Texts()

    def __len__(self) -> int:
        return len(self._index)

    def codes(self, column: pa.StringArray) -> npt.NDArray[np.int32]:
        """Return the number of each string; nulls are not allowed."""
        known = len(self._index)
        rows = self._index.rows_of(hash_text(column))
        if len(self._index) > known:
            _, first = np.unique(rows, return_index=True)
            self._texts.extend(column.take(pa.array(first[rows[first] >= known])))
        return rows

    def take(self, codes: npt.NDArray[Any]) -> pa.StringArray:
        """Return the strings of some numbers."""
        return self._texts.take(codes)

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {"index": self._index.state(), "texts": self._texts.state()}

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self._index.load(state["index"])
        self._texts.load(state["texts"])
