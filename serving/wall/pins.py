"""When an item was put on show: for some minutes most of what a broadcast showed was that one.

No event says so. An item counts as pinned from the first of three whole minutes on in which it had two fifths of the
exposures of what the broadcast sells; between shelves of items, as people scroll, none has.

>>> pinned([(0, None), (1, "a"), (2, "a"), (3, "a"), (4, "a"), (5, "b"), (6, "a"), (7, "b"), (8, "b"), (9, "b")])
[(1, 'a'), (7, 'b')]
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from threading import Lock
from typing import Final

from schemas.keys import metric_key
from schemas.metrics import EVENT_TIME_COUNTS
from serving.access import Store, read_each
from serving.cells import decode_cell
from serving.wall.broadcasts import MINUTE_MS

SHARE: Final = 0.4
MINUTES: Final = 3
ENOUGH: Final = 10
"""Exposures in a minute below which nothing is said."""
_AGAIN_MS: Final = 10 * MINUTE_MS
"""The newest minutes are read again each time: late events still change them."""
_KEPT: Final = 64
Leaders = dict[int, str | None]


@dataclass
class Pins:
    """Remembers who led in which minute of the broadcasts that were looked at last; safe to call from many threads."""

    store: Store
    _held: "OrderedDict[tuple[str, ...], Leaders]" = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, session_id: str, items: Sequence[str], from_ms: int, to_ms: int) -> list[tuple[int, str]]:
        """Return when which of these items was put on show; one small read for each minute that is not known yet."""
        if not items:
            return []
        with self._lock:
            # Shares are of all that the broadcast sells: another item sold makes them anew.
            key = (session_id, *items)
            held = self._held.setdefault(key, {})
            self._held.move_to_end(key)
            while len(self._held) > _KEPT:
                self._held.popitem(last=False)
            known_to = max(held, default=from_ms)
        wanted = [
            at for at in range(from_ms, to_ms, MINUTE_MS) if at not in held or at > known_to - _AGAIN_MS
        ]
        found = self._leaders(items, wanted)
        with self._lock:
            held.update(found)
            return pinned([(at, held.get(at)) for at in range(from_ms, to_ms, MINUTE_MS)])

    def _leaders(self, items: Sequence[str], minutes: Sequence[int]) -> Leaders:
        keys = [metric_key(self.store.namespace, "e", "item", "minute", at) for at in minutes]
        rows = read_each(self.store, [("HMGET", key, *items) for key in keys])
        return {at: leader(_shown(items, cells)) for at, cells in zip(minutes, rows, strict=True)}


def leader(shown: Mapping[str, int]) -> str | None:
    """Return the item that most exposures are of; None where no item has two fifths of them, or there are few.

    >>> leader({"a": 8, "b": 4}), leader({"a": 4, "b": 4, "c": 4}), leader({"a": 3})
    ('a', None, None)
    """
    total = sum(shown.values())
    if total < ENOUGH:
        return None
    first = min(shown, key=lambda item: (-shown[item], item))
    return first if shown[first] >= SHARE * total else None


def pinned(leaders: Sequence[tuple[int, str | None]]) -> list[tuple[int, str]]:
    """Return where an item begins to lead for long enough, unless it was the one before."""
    found: list[tuple[int, str]] = []
    for item, run in groupby(leaders, key=lambda each: each[1]):
        minutes = [at for at, _ in run]
        if item is not None and len(minutes) >= MINUTES and (not found or found[-1][1] != item):
            found.append((minutes[0], item))
    return found


def _shown(items: Sequence[str], cells: Sequence[bytes | None]) -> dict[str, int]:
    return {
        item: decode_cell(cell, EVENT_TIME_COUNTS)["impressions"]
        for item, cell in zip(items, cells, strict=True)
        if cell
    }
