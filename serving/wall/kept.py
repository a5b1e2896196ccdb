"""Answers kept for a moment, so that a thousand screens cost the store what one does.

>>> ticks = iter([0.0, 0.1, 5.0])
>>> kept = Kept(0.25, lambda: next(ticks))
>>> kept.get("k", lambda: b"first"), kept.get("k", lambda: b"second"), kept.get("k", lambda: b"third")
(b'first', b'first', b'third')
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

MOST: Final = 256
Clock = Callable[[], float]


@dataclass
class _Place:
    """One answer, and the lock that makes those who ask at once wait for one who makes it."""

    lock: Lock = field(default_factory=Lock)
    made_s: float | None = None
    body: bytes = b""


@dataclass
class Kept:
    """The last 256 answers, each for `age_s` seconds by a steady clock."""

    age_s: float
    clock: Clock
    _places: "OrderedDict[Hashable, _Place]" = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return the answer of a key; made anew where there is none or it is too old."""
        with self._lock:
            place = self._places.setdefault(key, _Place())
            self._places.move_to_end(key)
            while len(self._places) > MOST:
                self._places.popitem(last=False)
        with place.lock:
            now = self.clock()
            if place.made_s is None or now - place.made_s > self.age_s:
                place.body, place.made_s = make(), now
            return place.body
