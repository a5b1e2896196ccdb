"""`ValueNames`: the texts behind the values that views keep, by their hashes.

>>> from transforms.state.hashing import hash_strings
>>> names = ValueNames()
>>> hashes = hash_strings(["tea", "rice"])
>>> names.learn(hashes, lambda at: pa.array(["tea", "rice"]).take(pa.array(at)))
>>> names.texts(hashes[1:])
['rice']
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms.state.hashing import Hashes
from transforms.state.index import HashIndex, first_rows
from transforms.state.texts import Texts


class ValueNames:
    """Texts that are kept once, whoever holds them; about 25 bytes each and their own."""

    def __init__(self) -> None:
        self._index, self._texts = HashIndex(), Texts()

    def __len__(self) -> int:
        return len(self._index)

    def learn(self, hashes: Hashes, named: Callable[[npt.NDArray[Any]], pa.StringArray]) -> None:
        """Remember the texts of these hashes; `named` is asked for those of the places that are new."""
        known = len(self._index)
        rows = self._index.rows_of(hashes)
        if len(self._index) > known:
            self._texts.extend(named(first_rows(rows, known, len(self._index))))

    @property
    def data(self) -> npt.NDArray[np.uint8]:
        """The bytes of all texts, for kernels."""
        return self._texts.data

    @property
    def ends(self) -> npt.NDArray[np.int64]:
        """Where each text ends, for kernels."""
        return self._texts.ends

    def places(self, hashes: Hashes) -> npt.NDArray[np.int32]:
        """Return the places of the texts of hashes, all of them known."""
        return self._index.find(hashes)

    def texts(self, hashes: Hashes) -> list[str]:
        """Return the texts of hashes, all of them known."""
        return self._texts.take(self.places(hashes)).to_pylist()

    def keep(self, hashes: Hashes) -> None:
        """Keep the texts of these hashes only."""
        rows = self._index.find(hashes)
        self._texts.keep(rows[rows >= 0])
        self._index = HashIndex()
        self._index.rows_of(hashes[rows >= 0])

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {"index": self._index.state(), "texts": self._texts.state()}

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self._index.load(state["index"])
        self._texts.load(state["texts"])
