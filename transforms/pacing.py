"""`Pace`: how often results are written out while more keep coming; the clock is passed in.

>>> now = 0.0
>>> pace = Pace(interval_s=1.0, clock=lambda: now)
>>> pace.is_due(urgent=False), pace.is_due(urgent=True)
(False, True)
>>> now = 2.0
>>> pace.is_due(urgent=False)
True
>>> now = 7.0
>>> pace.written()  # it took five seconds: the next waits twenty
>>> now = 20.0
>>> pace.is_due(urgent=False), pace.is_due(urgent=False, soon=True)
(False, True)
"""

from collections.abc import Callable
from typing import Final

SPACING: Final = 4
"""Writing takes at most about a fifth of the time: the next waits this many times as long as the last took."""
SOON_S: Final = 0.1
"""What had better be written soon is so this often at most, and takes no more than half of the time."""


class Pace:
    """Due once an interval, and whenever the source has nothing further; longer where writing is slow."""

    def __init__(self, interval_s: float, clock: Callable[[], float], spacing: int = SPACING) -> None:
        self._interval_s, self._clock, self._spacing = interval_s, clock, spacing
        self._begun = self._soonest = clock()
        self._due = self._begun + interval_s

    def is_due(self, urgent: bool, soon: bool = False) -> bool:
        """Say whether to write now; if so, the interval begins anew."""
        now = self._clock()
        if not urgent and now < (min(self._soonest, self._due) if soon else self._due):
            return False
        self._begun, self._due = now, now + self._interval_s
        return True

    def written(self, all_of_it: bool = True) -> None:
        """Take note that the writing that was due is done, or a part of it: the next part need not wait an interval."""
        now = self._clock()
        took_s = now - self._begun
        spaced = now + self._spacing * took_s
        self._due = max(self._due, spaced) if all_of_it else spaced
        self._soonest = max(self._begun + SOON_S, now + took_s)


class Sweep:
    """How often state is searched for what can be forgotten: once a step of event time, since it reads all of it.

    >>> sweep = Sweep(step_ms=1_000)
    >>> [sweep.is_due(watermark_ms) for watermark_ms in (0, 500, 1_000, 1_500, 9_000)]
    [True, False, True, False, True]
    """

    def __init__(self, step_ms: int) -> None:
        self._step_ms = step_ms
        self._next_ms: int | None = None

    def is_due(self, watermark_ms: int) -> bool:
        """Say whether to search now."""
        if self._next_ms is not None and watermark_ms < self._next_ms:
            return False
        self._next_ms = watermark_ms + self._step_ms
        return True
