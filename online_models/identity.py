"""Strings to small dense numbers and back: the collisionless id table of every model.

Each id owns its own row (no hashing trick), and rows of expired ids are used again, so memory follows
the ids that are alive (Monolith, arXiv 2209.07663, section 3.1, in spirit).
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Index = npt.NDArray[np.int32]


class Identity:
    """A table of ids: text to row number, row number to text, expired rows first to be reused.

    Adding costs one dict look-up per distinct id of a batch, not per row.

    >>> ids = Identity()
    >>> ids.intern(pa.array(["b", "a", None, "b"])).tolist()
    [0, 1, -1, 0]
    >>> ids.expire([0])
    >>> ids.intern(pa.array(["c"])).tolist(), ids.row("b")
    ([0], -1)
    """

    def __init__(self) -> None:
        self.names: list[str | None] = []
        self.free: list[int] = []
        self._row_of: dict[str, int] = {}

    def __len__(self) -> int:
        """Rows in use or free: what a state must have room for."""
        return len(self.names)

    @property
    def alive(self) -> int:
        """Ids that the table knows now."""
        return len(self._row_of)

    def row(self, name: str) -> int:
        """The row of an id, -1 where it is unknown."""
        return self._row_of.get(name, -1)

    def add(self, name: str) -> int:
        """The row of an id, which is added where it is new."""
        row = self._row_of.get(name)
        if row is not None:
            return row
        if self.free:
            row = self.free.pop()
            self.names[row] = name
        else:
            row = len(self.names)
            self.names.append(name)
        self._row_of[name] = row
        return row

    def intern(self, column: pa.Array) -> Index:
        """The rows of a column of text, -1 for null; new ids are added in order of appearance."""
        encoded = column.dictionary_encode()
        names = encoded.dictionary.to_pylist()
        known = list(map(self._row_of.get, names))
        if None in known:
            known = [self.add(name) if row is None else row for name, row in zip(names, known, strict=True)]
        rows = np.array(known, np.int32)
        codes = encoded.indices.fill_null(len(rows)).to_numpy(zero_copy_only=False)
        return np.append(rows, np.int32(-1))[codes]

    def expire(self, rows: Iterable[int]) -> None:
        """Forgets ids; their rows go to the next new ids, last expired first."""
        for row in rows:
            name = self.names[row]
            if name is not None:
                del self._row_of[name]
                self.names[row] = None
                self.free.append(row)

    @classmethod
    def restore(cls, names: list[str | None], free: list[int]) -> "Identity":
        """The table that had these `names` and `free` rows."""
        ids = cls()
        ids.names, ids.free = names, free
        ids._row_of = {name: row for row, name in enumerate(names) if name is not None}
        return ids
