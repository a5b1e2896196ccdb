"""The hand-written loop's counts: lists of integers in dicts, by minute, rolled up when they are written."""

from collections import defaultdict
from collections.abc import Iterable
from operator import add
from typing import Final

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
TIMEZONE_MS: Final = 8 * HOUR_MS  # Asia/Shanghai

Cells = dict[str, list[int]]
Increments = tuple[tuple[int, int], ...]


class Counts:
    """Counts by scope and id: per event only the minute's cells, the longer windows when they are written."""

    def __init__(self, width: int, scopes: tuple[str, ...]) -> None:
        self._width = width
        self._scopes = scopes
        self._fresh: dict[int, list[Cells]] = {}
        self._kept: dict[tuple[str, str, int], Cells] = {}

    def add(self, minute: int, ids: Iterable[str], increments: Increments) -> None:
        """Add to one cell a scope."""
        scopes = self._fresh.get(minute)
        if scopes is None:
            scopes = self._fresh[minute] = [{} for _ in self._scopes]
        width = self._width
        for cells, identity in zip(scopes, ids, strict=True):
            try:
                cell = cells[identity]
            except KeyError:
                cell = cells[identity] = [0] * width
            for place, number in increments:
                cell[place] += number

    def add_one(self, minute: int, scope: int, identity: str, place: int, number: int) -> None:
        """Add to one cell of one scope."""
        scopes = self._fresh.setdefault(minute, [{} for _ in self._scopes])
        scopes[scope].setdefault(identity, [0] * self._width)[place] += number

    def roll_up(self) -> dict[tuple[str, str, int], Cells]:
        """Add what is fresh to minute, hour, day and total; return the cells that changed."""
        changed: defaultdict[tuple[str, str, int], Cells] = defaultdict(dict)
        for minute, scopes in self._fresh.items():
            start = minute * MINUTE_MS
            windows = (("minute", start), ("hour", start - start % HOUR_MS),
                       ("day", start - (start + TIMEZONE_MS) % DAY_MS), ("total", 0))  # fmt: skip
            for scope, cells in zip(self._scopes, scopes, strict=True):
                for window, begins in windows:
                    key = (scope, window, begins)
                    _add_cells(self._kept.setdefault(key, {}), cells, changed[key])
        self._fresh = {}
        return changed

    def total(self, scope: str) -> Cells:
        """Return a scope's counts over all time, as of the last roll-up."""
        return self._kept.get((scope, "total", 0), {})


def _add_cells(kept: Cells, fresh: Cells, changed: Cells) -> None:
    for identity, cell in fresh.items():
        before = kept.get(identity)
        changed[identity] = kept[identity] = cell[:] if before is None else [*map(add, before, cell)]
