"""`CellUsers`: the sets of users beside the cells of one table, one a cell and kind of unique.

A set's size stands among its cell's values when the cell is published. Sets of windows that have ended are frozen: only
late events come back to them. Cost: 32 bytes a cell beside the sets (`UserSets`), and about 0.2 µs an event and scope
where most users are new in all four windows.
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.metrics import EVENT_TIME_COUNTS, SCOPES, UNIQUES, WINDOWS
from transforms import views
from transforms.metrics import user_kernels as kernels
from transforms.metrics.partials import REACHED
from transforms.metrics.set_kernels import FROZEN, registers_of
from transforms.metrics.user_sets import EMPTY, UserSets
from transforms.metrics.users import FAMILY, ONLINE_SCOPE
from transforms.state import spill

Rows = npt.NDArray[np.int64]
Cells = npt.NDArray[np.int32]
"""Of each row of partial sums its cells, one a window; -1 where it has none."""

FIRST: Final = len(EVENT_TIME_COUNTS)
"""The place of the first unique among a cell's values."""
_ONLINE: Final = UNIQUES.index("online_users")
_ONLINE_GROUP: Final = SCOPES.index(ONLINE_SCOPE)


class CellUsers:
    """References to sets, row by row beside a table's cells."""

    def __init__(
        self, kinds: int = len(UNIQUES), first: int = FIRST, online_group: int = _ONLINE_GROUP
    ) -> None:
        """`kinds` are how many sets a cell has, one a role from 1 on; `first` is the place of the first's size in a cell.

        In the scope `online_group` everyone is also in the minute's set of those online; below 0 in none.
        """
        self._kinds, self._first, self._online_group = kinds, first, online_group
        self.sets = UserSets()
        self._refs = np.zeros((0, self._kinds), np.int64)
        self.warm = np.zeros(0, np.int64)
        """Rows of windows that end, with sets that are not frozen yet, as of the last publishing."""
        self._hidden = np.zeros((0, self._kinds), np.int64)
        self._settled: dict[int, int] = {}
        """By row of a cell that users may leave: the row of the sets of those who cannot."""
        self._settled_refs = np.zeros((0, self._kinds), np.int64)

    def reserve(self, rows: int) -> None:
        """See to it that there are references for so many cells."""
        if len(self._refs) < rows:
            self._refs = spill.grown(self._refs.reshape(-1), rows * self._kinds).reshape(-1, self._kinds)

    def add(self, users: pa.RecordBatch, cells_of: Cells) -> None:
        """Add each user to the cells of its rows of sums, in which the table has just found these cells."""
        self._add(users, views.vectors(users[FAMILY], np.int32), self._refs, cells_of, self._online_group)

    def add_reached(self, reached: pa.RecordBatch, cells_of: Cells) -> None:
        """Add each user with a touch to the cells of its rows of sums, in which the table has just found these cells."""
        told = reached[REACHED]
        rows = views.vectors(told.dictionary, np.int32)[views.numbers(told.indices, np.int32)]
        users = {"user": reached["user"], "role": pa.array(np.ones(len(rows), np.int8))}
        self._add(pa.RecordBatch.from_pydict(users), rows, self._refs, cells_of, self._online_group)

    def add_hidden(self, users: pa.RecordBatch, scope: int, cells: Cells, first_row: int) -> None:
        """Add each user to the hidden cell that its row in a scope stands for, counted from some row on."""
        rows = views.vectors(users[FAMILY], np.int32)[:, scope]
        rows = np.where(rows >= first_row, rows - first_row, -1).astype(np.int32)
        needed = int(cells.max(initial=-1)) + 1
        if len(self._hidden) < needed:
            self._hidden = spill.grown(self._hidden.reshape(-1), needed * self._kinds).reshape(
                -1, self._kinds
            )
        cells_of = np.full((len(cells), len(WINDOWS)), -1, np.int32)
        cells_of[:, 0] = cells
        self._add(users, rows.reshape(-1, 1), self._hidden, cells_of)

    def keep_hidden(self, kept: Rows) -> None:
        """Keep the sets of these hidden cells, in this order."""
        held = len(self._hidden)
        dropped = np.ones(held, np.bool_)
        dropped[kept[kept < held]] = False
        self.sets.free_rows(self._hidden, np.flatnonzero(dropped))
        grown = np.zeros((max(held, int(kept.max(initial=-1)) + 1), self._kinds), np.int64)
        grown[:held] = self._hidden
        self._hidden = grown[kept]

    def estimate(self, rows: npt.NDArray[np.int32], values: npt.NDArray[np.int64]) -> None:
        """Put the sizes of these rows' sets among their cells' values; about 15 µs a sketch that has changed."""
        kernels.count_exact(self._refs, rows, values, self._first)
        for row, kind in kernels.unsettled(self._refs, rows).tolist():
            values[row, self._first + kind] = self.sets.size(int(self._refs[row, kind]))

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

    def settle(self, rows: Iterable[int], hidden: int) -> None:
        """Let these cells have the users of a hidden cell for good: it is about to be dropped and can move no more.

        A user is a member of these cells already; this is what `rebuild` begins with from now on.
        """
        for row in rows:
            held = self._settled_row(row)
            for kind in range(self._kinds):
                before = int(self._settled_refs[held, kind])
                self._settled_refs[held, kind] = self.sets.merged(before, self._hidden_ref(hidden, kind))

    def _settled_row(self, row: int) -> int:
        held = self._settled.setdefault(row, len(self._settled))
        if held >= len(self._settled_refs):
            grown = spill.grown(self._settled_refs.reshape(-1), (held + 1) * self._kinds)
            self._settled_refs = grown.reshape(-1, self._kinds)
        return held

    def add_settled(self, users: pa.RecordBatch, scope: int, cells_of: Cells) -> None:
        """Let the cells of each user's row in a scope, of those given, have the user for good."""
        rows = views.vectors(users[FAMILY], np.int32)[:, scope]
        rows = np.where(rows < len(cells_of), rows, -1).astype(np.int32)
        named = np.unique(rows[rows >= 0])
        settled_of = np.full(cells_of.shape, -1, np.int32)
        for row in named.tolist():
            settled_of[row] = [
                self._settled_row(cell) if cell >= 0 else -1 for cell in cells_of[row].tolist()
            ]
        self._add(users, rows.reshape(-1, 1), self._settled_refs, settled_of)

    def _add(
        self,
        users: pa.RecordBatch,
        rows: Cells,
        refs: npt.NDArray[np.int64],
        cells_of: Cells,
        online: int = -1,
    ) -> None:
        """Add each user to the sets of its rows; everyone is online in the scope of that number, if there is one."""
        hashes, roles = views.numbers(users["user"], np.uint64), views.numbers(users["role"], np.int8)
        rows.flags.writeable = False  # As columns are, so that the kernel is compiled once.
        registers, at = registers_of(hashes), (0, 0)
        while at[0] < rows.shape[1]:
            at = kernels.add_users(
                self.sets.space(), refs, cells_of, hashes, *registers, roles, rows, online, _ONLINE, *at
            )

    def rebuild(self, row: int, hidden: Iterable[int], values: npt.NDArray[np.int64]) -> None:
        """Let a cell have the users that have settled in it and those of these hidden cells, and no others.

        For cells that a hidden one has left; what one joins needs no more than `join`. The cell must be published
        next. Costs the union of all of them, some 20 ns a member and 20 µs a sketch.
        """
        settled = [EMPTY] * self._kinds
        if row in self._settled:
            settled = self._settled_refs[self._settled[row]].tolist()
        parts = list(hidden)
        for kind in range(self._kinds):
            self.sets.free(int(self._refs[row, kind]))
            ref = self.sets.united([settled[kind], *(self._hidden_ref(part, kind) for part in parts)])
            self._put(row, kind, ref, values)

    def join(self, row: int, hidden: int, values: npt.NDArray[np.int64]) -> None:
        """Add the users of a hidden cell to those of a cell, which must be published next."""
        for kind in range(self._kinds):
            ref = self.sets.merged(int(self._refs[row, kind]), self._hidden_ref(hidden, kind))
            self._put(row, kind, ref, values)

    def _hidden_ref(self, cell: int, kind: int) -> int:
        return int(self._hidden[cell, kind]) if cell < len(self._hidden) else EMPTY

    def _put(self, row: int, kind: int, ref: int, values: npt.NDArray[np.int64]) -> None:
        self._refs[row, kind] = ref
        values[row, self._first + kind] = self.sets.size(ref)

    def keep(self, rows: Rows, held: int) -> None:
        """Keep the sets of these of so many rows; the warm ones must be told anew."""
        dropped = np.ones(held, np.bool_)
        dropped[rows] = False
        self.sets.free_rows(self._refs, np.flatnonzero(dropped))
        self._keep_settled(rows)
        self._refs, self.warm = self._refs[rows], np.zeros(0, np.int64)
        self.sets.repack(self._refs)

    def _keep_settled(self, rows: Rows) -> None:
        if not self._settled:
            return
        renumbered = dict(zip(rows.tolist(), range(len(rows)), strict=True))
        kept = [(renumbered[row], held) for row, held in self._settled.items() if row in renumbered]
        gone = [held for row, held in self._settled.items() if row not in renumbered]
        self.sets.free_rows(self._settled_refs, np.array(gone, np.int64))
        self._settled_refs = self._settled_refs[[held for _, held in kept]]
        self._settled = {row: place for place, (row, _) in enumerate(kept)}

    def state(self, rows: int) -> dict[str, Any]:
        """Return everything held beside so many rows, for a snapshot."""
        return {
            "sets": self.sets.state(),
            "refs": self._refs[:rows],
            "settled": self._settled,
            "settled_refs": self._settled_refs,
            "hidden": self._hidden,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`; the warm rows must be told anew."""
        self.sets.load(state["sets"])
        self._refs, self.warm = np.array(state["refs"]).reshape(-1, self._kinds), np.zeros(0, np.int64)
        self._settled = dict(state["settled"])
        self._settled_refs = np.array(state["settled_refs"]).reshape(-1, self._kinds)
        self._hidden = np.array(state["hidden"]).reshape(-1, self._kinds)
