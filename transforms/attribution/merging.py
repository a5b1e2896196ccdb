"""Merging sealed stretches of touches into one, part by part, so that no stretch need be in memory."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from transforms.attribution.sealed_touches import Part, SealedTouches
from transforms.state.records import rows_of
from transforms.state.texts import bytes_of

PART_ROWS: Final = 1 << 14


class _Cursor:
    """Reads one stretch from its begin to its end."""

    def __init__(self, source: SealedTouches) -> None:
        self._source, self._taken = source, 0
        self.rows, self.text = source.part(0, 0)

    def fill(self, more: int) -> None:
        """Read so many further rows."""
        upto = min(self._taken + more, len(self._source))
        rows, text = self._source.part(self._taken, upto)
        self.rows, self.text = np.concatenate([self.rows, rows]), np.concatenate([self.text, text])
        self._taken = upto

    def last_whole_user(self) -> int:
        """Return the user up to whom all rows were read."""
        if self._taken == len(self._source):
            return np.iinfo(np.int32).max
        return int(self.rows["user"][-1]) - 1 if len(self.rows) else -1

    def take(self, upto_user: int) -> Part:
        """Hand out the rows of users up to this one."""
        count = int(np.searchsorted(self.rows["user"], upto_user, "right"))
        size = int(self.rows["id_size"][:count].sum())
        taken = self.rows[:count], self.text[:size]
        self.rows, self.text = self.rows[count:], self.text[size:]
        return taken


def merged(stretches: Sequence[SealedTouches]) -> SealedTouches:
    """Return one stretch with the touches of all; those of one user stay in the order of the stretches."""
    return SealedTouches(_merge([_Cursor(stretch) for stretch in stretches]))


def _merge(cursors: list[_Cursor]) -> Iterator[Part]:
    while True:
        for cursor in cursors:
            if len(cursor.rows) < PART_ROWS:
                cursor.fill(PART_ROWS)
        upto = min(cursor.last_whole_user() for cursor in cursors)
        parts = [cursor.take(upto) for cursor in cursors]
        if sum(len(rows) for rows, _ in parts):
            yield _by_user(parts)
        elif not any(len(cursor.rows) for cursor in cursors):
            return
        else:
            for cursor in cursors:
                cursor.fill(PART_ROWS)


def _by_user(parts: list[Part]) -> Part:
    rows: npt.NDArray[Any] = np.concatenate([rows for rows, _ in parts])
    text = np.concatenate([text for _, text in parts])
    order = np.argsort(rows["user"], kind="stable")
    sizes = rows["id_size"].astype(np.int64)
    starts = np.cumsum(sizes) - sizes
    return rows_of(rows, order), bytes_of(text, starts[order], sizes[order])
