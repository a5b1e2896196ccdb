"""`Nodes`: growing rows that are linked into lists, one list or more an entity; freed rows are used again.

>>> nodes = Nodes(1, {"time": np.int64}, width=0)
>>> nodes.open(2, 3)
>>> nodes.heads.shape, len(nodes.rows["time"]) >= 3
((2, 1), True)
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from transforms.features import tile_kernels as kernels
from transforms.state import spill

Array = npt.NDArray[Any]


class Nodes:
    """Lists of nodes with columns, and a matrix of values beside them where `width` is not 0."""

    def __init__(self, lists: int, types: dict[str, npt.DTypeLike], width: int) -> None:
        self.width = width
        self.heads = np.full((0, lists), -1, np.int32)
        self.rows: dict[str, Array] = {name: np.zeros(0, kind) for name, kind in types.items()}
        self.nexts = np.zeros(0, np.int32)
        self.values = np.zeros((0, width), np.int64)
        self.taken = np.array([0, -1], np.int64)
        self._entities = 0

    def open(self, entities: int, more: int) -> None:
        """Make room for so many entities in all, and for so many nodes more."""
        lists = self.heads.shape[1]
        if not lists:
            self.heads = np.zeros((entities, 0), np.int32)
        elif len(self.heads) < entities:
            self.heads = spill.grown(self.heads.reshape(-1), entities * lists).reshape(-1, lists)
        self.heads[self._entities : entities] = -1
        self._entities = max(self._entities, entities)
        needed = int(self.taken[0]) + more
        if len(self.nexts) < needed:
            self.nexts = spill.grown(self.nexts, needed)
            self.rows = {name: spill.grown(held, needed) for name, held in self.rows.items()}
            if self.width:
                self.values = spill.grown(self.values.reshape(-1), needed * self.width).reshape(
                    -1, self.width
                )

    def keep(self, entities: Array) -> None:
        """Keep the lists of these entities, in this order."""
        self.heads = self.heads[entities].copy()
        self._entities = len(entities)
        origin, links = kernels.moved_nodes(self.heads, self.nexts, int(self.taken[0]))
        self.nexts, self.values = links, self.values[origin] if self.width else self.values
        self.rows = {name: held[origin] for name, held in self.rows.items()}
        self.taken = np.array([len(origin), -1], np.int64)

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        used = int(self.taken[0])
        return {
            "heads": self.heads[: self._entities], "nexts": self.nexts[:used], "values": self.values[:used],
            "rows": {name: held[:used] for name, held in self.rows.items()}, "taken": self.taken.copy(),
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self.heads, self.nexts, self.values = (np.array(state[name]) for name in ("heads", "nexts", "values"))
        self.rows = {name: np.array(state["rows"][name]) for name in self.rows}
        self.taken, self._entities = np.array(state["taken"]), len(self.heads)
