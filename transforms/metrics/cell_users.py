"""`CellUsers`: the sets of users beside the cells of one table, one a cell and kind of unique.

A set's size stands among its cell's values: that of an exact one at once, that of a sketch when the cell is next
published. Sets of windows that have ended are frozen: only late events come back to them. Cost: 32 bytes a cell
beside the sets (`UserSets`), and about 50 ns an event and scope.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.metrics import EVENT_TIME_COUNTS, SCOPES, UNIQUES
from transforms import views
from transforms.metrics import user_kernels as kernels
from transforms.metrics.set_kernels import FROZEN, registers_of
from transforms.metrics.user_sets import UserSets
from transforms.metrics.users import FAMILY, ONLINE_SCOPE
from transforms.state import spill

Rows = npt.NDArray[np.int64]
Cells = npt.NDArray[np.int32]
"""Of each row of partial sums its cells, one a window; -1 where it has none."""

FIRST: Final = len(EVENT_TIME_COUNTS)
"""The place of the first unique among a cell's values."""
_KINDS: Final = len(UNIQUES)
_ONLINE: Final = UNIQUES.index("online_users")
_ONLINE_GROUP: Final = SCOPES.index(ONLINE_SCOPE)


class CellUsers:
    """References to sets, row by row beside a table's cells."""

    def __init__(self) -> None:
        self.sets = UserSets()
        self._refs = np.zeros((0, _KINDS), np.int64)
        self.warm = np.zeros(0, np.int64)
        """Rows of windows that end, with sets that are not frozen yet, as of the last publishing."""

    def reserve(self, rows: int) -> None:
        """See to it that there are references for so many cells."""
        if len(self._refs) < rows:
            self._refs = spill.grown(self._refs.reshape(-1), rows * _KINDS).reshape(-1, _KINDS)

    def add(self, users: pa.RecordBatch, cells_of: Cells, values: npt.NDArray[np.int64]) -> None:
        """Add each user to the cells of its rows of sums, in which the table has just found these cells."""
        hashes, roles = views.numbers(users["user"], np.uint64), views.numbers(users["role"], np.int8)
        rows, done = views.vectors(users[FAMILY], np.int32), 0
        registers = registers_of(hashes)
        while done < rows.size:
            done = kernels.add_users(
                self.sets.space(), self._refs, values, FIRST, cells_of, hashes, *registers, roles, rows,
                _ONLINE_GROUP, _ONLINE, done,
            )  # fmt: skip

    def estimate(self, rows: npt.NDArray[np.int32], values: npt.NDArray[np.int64]) -> None:
        """Put the sizes of these rows' sketches among their cells' values; about 15 µs a sketch that has changed."""
        for row, kind in kernels.unsettled(self._refs, rows).tolist():
            values[row, FIRST + kind] = self.sets.size(int(self._refs[row, kind]))

    def touched(self, rows: npt.NDArray[np.integer[Any]]) -> None:
        """Take note of rows, of windows that end, whose sets may be warm again."""
        warm = kernels.with_warm_sets(self._refs, rows.astype(np.int64), FROZEN)
        self.warm = np.union1d(self.warm, warm)

    def freeze(self, ended: npt.NDArray[np.bool_]) -> None:
        """Pack the sets of those warm rows whose windows have ended."""
        if ended.any():
            self.sets.freeze(self._refs, self.warm[ended])
            self.warm = self.warm[~ended]
            self.sets.repack(self._refs)

    def keep(self, rows: Rows, held: int) -> None:
        """Keep the sets of these of so many rows; the warm ones must be told anew."""
        dropped = np.ones(held, np.bool_)
        dropped[rows] = False
        self.sets.free_rows(self._refs, np.flatnonzero(dropped))
        self._refs, self.warm = self._refs[rows], np.zeros(0, np.int64)
        self.sets.repack(self._refs)

    def state(self, rows: int) -> dict[str, Any]:
        """Return everything held beside so many rows, for a snapshot."""
        return {"sets": self.sets.state(), "refs": self._refs[:rows]}

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`; the warm rows must be told anew."""
        self.sets.load(state["sets"])
        self._refs, self.warm = np.array(state["refs"]).reshape(-1, _KINDS), np.zeros(0, np.int64)
