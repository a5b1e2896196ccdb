"""`LayoutTables`: the layout of an entity's values as the kernels take it, made once a layout."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from schemas.features.layout import Level, Request, Slot


class LayoutTables:
    """Lengths of tiles, how columns merge, and what is asked of them, as arrays.

    `op_bounds` has where each level's columns begin in `ops`, `asked_bounds` where its requests begin in `asked`, whose
    columns are a column of the level and a window in milliseconds.
    """

    def __init__(
        self, levels: "Sequence[Level]", slots: "Sequence[Slot]", requests: "Sequence[Request]"
    ) -> None:
        self.tile_ms = np.array([level.tile_ms for level in levels], np.int64)
        self.ops = np.array([op for level in levels for op in level.columns], np.int8)
        self.op_bounds = np.cumsum([0, *(len(level.columns) for level in levels)])
        self.slot_ms = np.array([slot.tile_ms for slot in slots], np.int64)
        self.asked = np.array([(each.column, each.window_ms) for each in requests], np.int64).reshape(-1, 2)
        of_level = np.array([each.level for each in requests], np.int64)
        self.asked_bounds = np.searchsorted(of_level, np.arange(len(levels) + 1))
