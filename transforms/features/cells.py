"""`Cells`: counts of values by entity, slot and tile: what top values, quantiles and sketches are merged from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.features.layout import Slot
from transforms.features import cell_kernels as kernels
from transforms.state.columns import Columns
from transforms.state.index import HashIndex

Array = npt.NDArray[Any]


class Cells:
    """The cells of one kind of entity; about 60 bytes each."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.tile_ms = np.array([slot.tile_ms for slot in slots], np.int64)
        self.keeps = np.array([slot.keep for slot in slots], np.int64)
        self.kinds = np.array([slot.kind for slot in slots], np.int8)
        self.texts = np.array([slot.text for slot in slots], np.bool_)
        self.index = HashIndex()
        self.rows = Columns(
            key=np.uint64,
            entity=np.int32,
            slot=np.int8,
            tile=np.int64,
            value=np.int64,
            count=np.int64,
            next=np.int32,
        )

    def open(self, more: int) -> None:
        """Make room for so many cells more."""
        self.index.reserve(more)
        self.rows.reserve(more)

    def grown_to(self, used: int) -> None:
        """Take note of cells that a kernel added."""
        self.index.grown_to(used)
        self.rows.grown_to(used)

    def kept(self, entities: Array, newest: Array, heads: Array) -> tuple[Array, Array]:
        """Return the cells of some entities in order of slot, tile (newest first) and value, and whose they are."""
        bounds, rows = np.empty(len(entities) + 1, np.int64), self.rows
        cells = kernels.cells_kept(
            entities, newest, heads, rows["next"], rows["slot"], rows["tile"], rows["count"], self.tile_ms, self.keeps,
            self.kinds, bounds,
        )  # fmt: skip
        owner = np.repeat(np.arange(len(entities)), np.diff(bounds))
        values = rows["value"][cells].view(np.uint64)
        order = np.lexsort((values, -rows["tile"][cells], rows["slot"][cells], owner))
        return cells[order], bounds

    def sweep(self, renumbered: Array, newest: Array) -> Array:
        """Drop the cells of entities that are gone (-1) and of tiles that are behind; return the heads of lists."""
        rows, slot = self.rows, self.rows["slot"]
        entities = renumbered[rows["entity"]]
        oldest = (
            newest[np.maximum(entities, 0)] // self.tile_ms[slot] - self.keeps[slot] if len(newest) else 0
        )
        kept = np.flatnonzero((entities >= 0) & (rows["tile"] > oldest))
        heads = np.full(len(newest), -1, np.int32)
        self.rows.keep(kept)
        self.rows["entity"][:] = entities[kept]
        self.rows["next"][:] = kernels.linked(self.rows["entity"], heads)
        self.index = HashIndex()
        self.index.rows_of(self.rows["key"])
        return heads

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return self.rows.state()

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self.rows.load(state)
        self.index = HashIndex()
        self.index.rows_of(self.rows["key"])
