"""`SessionSums`: what happened in sessions, in the cells of the base and fact channel that it belongs to just now.

Sums and users are booked under what is known of their session. They move when a live event says otherwise: the sums as
differences; the users of a cell that something left are put together anew, of those who cannot move any more and
of all minutes that still belong there. So both are pure functions of the set of events.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.metrics import SCOPES, WINDOWS
from transforms import views
from transforms.metrics.broadcasts import Broadcasts, Moved, Sums
from transforms.metrics.cell_users import Cells, CellUsers
from transforms.metrics.cells import CellTable
from transforms.metrics.users import FAMILY

MOVED: Final = ("base", "fact_channel")
"""Scopes whose sums of a minute may move when a live event comes."""
_SCOPES: Final = tuple(map(SCOPES.index, MOVED))
_NO_CELLS: Final = np.empty((0, len(WINDOWS)), np.int32)


class SessionSums:
    """Books hidden sums and their users in the table of visible cells."""

    def __init__(self, lateness_ms: int, table: CellTable, users: CellUsers) -> None:
        self._broadcasts, self._table, self._users = Broadcasts(lateness_ms), table, users
        self._own: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self._visible: dict[int, Cells] = {}

    def absorb(self, facts: pa.RecordBatch, hidden: pa.RecordBatch) -> None:
        """Take live events, and then the hidden sums of one batch of events."""
        for moved in self._broadcasts.learn(facts):
            self._move(moved)
        self._own, self._visible = np.zeros(0, np.int32), {}
        if hidden.num_rows:
            self._own, booked = self._broadcasts.book(hidden)
            self._visible = {sums.scope: self._merged(sums) for sums in booked}

    def _merged(self, sums: Sums) -> Cells:
        cells = np.full((len(sums.published), len(WINDOWS)), -1, np.int32)
        cells[sums.published] = self._table.merge(sums.rows)
        return cells

    def add_users(self, users: pa.RecordBatch, cells_of: Cells) -> None:
        """Add the users of a batch of events, whose visible sums have these cells and whose hidden ones came last."""
        if not users.num_rows:
            return
        first, count = len(cells_of), len(self._own)
        rows = np.array(views.vectors(users[FAMILY], np.int32))
        parts = [cells_of]
        for place, scope in enumerate(_SCOPES):
            rows[:, scope] += np.where(rows[:, scope] >= first, place * count, 0).astype(np.int32)
            parts.append(self._visible.get(scope, np.full((count, len(WINDOWS)), -1, np.int32)))
            self._users.add_settled(users, scope, cells_of)
        if count:
            self._users.add_hidden(users, _SCOPES[-1], self._own, first)
        column = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
        told = users.set_column(users.num_columns - 1, FAMILY, column)
        self._table.add_users(told, np.concatenate(parts))

    def _move(self, moved: Moved) -> None:
        left, joined = self._merged(moved.left), self._merged(moved.joined)
        values = self._table.values
        for hidden, cells in zip(moved.cells.tolist(), joined.tolist(), strict=True):
            for row in _held(cells):
                self._users.join(row, hidden, values)
        parts: dict[int, list[int]] = {row: [] for row in _held(left.reshape(-1).tolist())}
        for hidden, cells in zip(moved.stayed.tolist(), self._table.find(moved.home).tolist(), strict=True):
            for row in _held(cells):
                if row in parts:
                    parts[row].append(hidden)
        for row, hidden_cells in parts.items():
            self._users.rebuild(row, hidden_cells, values)

    def forget(self, watermark_ms: int) -> None:
        """Let what no live event can move any more stay where it is, and forget that it could."""
        settled = self._broadcasts.settled(watermark_ms)
        if not len(settled):
            return
        for scope in _SCOPES:
            home = self._broadcasts.belonging(scope, settled)
            if home.num_rows:
                for hidden, cells in zip(settled.tolist(), self._table.find(home).tolist(), strict=True):
                    self._users.settle(_held(cells[1:]), hidden)
        left = np.ones(len(self._broadcasts), np.bool_)
        left[settled] = False
        kept = np.flatnonzero(left)
        self._users.keep_hidden(kept)
        self._broadcasts.keep(kept)

    def state(self) -> dict[str, Any]:
        """Return everything held but the sets of users, for a snapshot."""
        return self._broadcasts.state()

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self._broadcasts.load(state)


def _held(cells: list[int]) -> list[int]:
    """Return the cells that there are."""
    return sorted({row for row in cells if row >= 0})
