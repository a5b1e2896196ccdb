"""`BoardTable`: the leaderboards over one table of cells, of every scope, hour and day and in total, as they change.

A board is ranked anew when any cell of its scope and window was published since, and handed on only if its places
changed. What is remembered of a board is a digest of 64 bits, so a restored table hands on all boards of its cells.

Cost: about 2 ns a cell held, 40 ns a cell of a window that changed, and 20 µs a board that is handed on; memory is
8 bytes a board of windows that can still change.

>>> import pyarrow as pa
>>> from transforms.metrics.partials import partials_batch
>>> cells = CellTable("o", width=1, timezone="UTC", horizon_ms=0)
>>> adds = np.array([[3], [0], [5], [3]])
>>> _ = cells.merge(partials_batch("o", np.ones(4), pa.array(["b", "c", "d", "a"]), np.array([61] * 4), adds))
>>> boards = BoardTable(cells, [Metric("refunds_by_order_time_minor", 0)])
>>> for change in cells.take_dirty(bytes(20)):
...     boards.note(change)
>>> for ranked in boards.take_changed():
...     print(ranked.group, ranked.window, ranked.start_ms, list(ranked.boards[0].ids), ranked.boards[0].values)
1 day 0 [b'd', b'a', b'b'] [5, 3, 3]
1 hour 3600000 [b'd', b'a', b'b'] [5, 3, 3]
1 total -1 [b'd', b'a', b'b'] [5, 3, 3]
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from schemas.metrics import BOARD_PLACES, BOARD_WINDOWS, SCOPES, UNRANKED
from transforms.boards import Board
from transforms.metrics.cells import CellTable, Published, Stored

_STEP: Final = 128
"""Bounds memory: the places of so many scopes and windows by 20 metrics are 3 MB."""


class Metric(NamedTuple):
    """What a board ranks by: the count in one column of its cells, less that in another where one is named."""

    name: str
    added: int
    taken: int = -1


class Ranked(NamedTuple):
    """Boards of one scope and window."""

    group: int
    window: str
    start_ms: int
    boards: list[Board]


class BoardTable:
    """All boards over one table of cells."""

    def __init__(self, cells: CellTable, metrics: Sequence[Metric]) -> None:
        self._cells, self._metrics = cells, metrics
        self._added = np.array([metric.added for metric in metrics], np.int64)
        self._taken = np.array([metric.taken for metric in metrics], np.int64)
        self._written: set[Stored] = set()
        self._digests: dict[Stored, Any] = {}

    @property
    def pending(self) -> bool:
        """Whether any cell was published whose boards were not ranked since."""
        return bool(self._written)

    def note(self, change: Published) -> None:
        """Take note that cells were published."""
        if _is_ranked(change.group, change.window):
            self._written.add(Stored(change.group, change.window, change.start_ms))

    def take_changed(self) -> Iterator[Ranked]:
        """Yield every board that is not as it was handed on last, in the order of scopes and windows."""
        written, self._written = sorted(self._written), set()
        for stored, digests, board in self._ranked(written):
            known = self._digests.get(stored)
            # Of what is not known, empty boards are handed on too: older ones may stand where they go.
            changed = np.ones(len(digests), bool) if known is None else digests != known
            self._digests[stored] = digests
            if changed.any():
                yield Ranked(*stored, [board(metric) for metric in np.flatnonzero(changed).tolist()])

    def take_final(self, stored: Iterable[Stored]) -> Iterator[Ranked]:
        """Yield all boards of windows that no longer change, and let go of what is known of them."""
        ranked = [each for each in stored if _is_ranked(each.group, each.window)]
        for each, _, board in self._ranked(ranked):
            self._digests.pop(each, None)
            yield Ranked(*each, [board(metric) for metric in range(len(self._metrics))])

    def mark_all(self) -> None:
        """Hand on every board again whose cells are published from now on."""
        self._digests.clear()

    def _ranked(self, wanted: Sequence[Stored]) -> Iterator[tuple[Stored, Any, Callable[[int], Board]]]:
        """Yield of each scope and window a digest a metric, and what makes the board of a metric."""
        for begin in range(0, len(wanted), _STEP):
            step = wanted[begin : begin + _STEP]
            leaders = self._cells.leaders(step, self._added, self._taken, BOARD_PLACES)
            for place, stored in enumerate(step):
                yield stored, leaders.digests[place], _Boards(self._cells, self._metrics, leaders, place)


class _Boards:
    """Makes the boards of one scope and window, those that are asked for."""

    def __init__(self, cells: CellTable, metrics: Sequence[Metric], leaders: Any, place: int) -> None:
        self._cells, self._metrics, self._leaders, self._place = cells, metrics, leaders, place

    def __call__(self, metric: int) -> Board:
        """Return the board by one metric."""
        leading = slice(self._leaders.sizes[self._place, metric])
        ids = self._cells.ids(self._leaders.series[self._place, metric, leading])
        return Board(
            self._metrics[metric].name, ids, self._leaders.values[self._place, metric, leading].tolist()
        )


def _is_ranked(group: int, window: str) -> bool:
    return window in BOARD_WINDOWS and group < len(SCOPES) and SCOPES[group] != UNRANKED
