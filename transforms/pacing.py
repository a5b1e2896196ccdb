"""`Pace`: how often results are written out while more keep coming; the clock is passed in.

>>> now = 0.0
>>> pace = Pace(interval_s=1.0, clock=lambda: now)
>>> pace.is_due(urgent=False), pace.is_due(urgent=True)
(False, True)
>>> now = 2.0
>>> pace.is_due(urgent=False)
True
"""

from collections.abc import Callable


class Pace:
    """Due once an interval, and whenever the source has nothing further."""

    def __init__(self, interval_s: float, clock: Callable[[], float]) -> None:
        self._interval_s, self._clock = interval_s, clock
        self._last = clock()

    def is_due(self, urgent: bool) -> bool:
        """Say whether to write now; if so, the interval begins anew."""
        now = self._clock()
        if not urgent and now - self._last < self._interval_s:
            return False
        self._last = now
        return True
