"""How long a reader on a cluster lets events gather once it has taken what there was: the longer, the busier its process.

Each piece costs every step behind it some milliseconds, however few events it has, and each step sends as many on for
each that it takes as it has shards. Where that takes more than a quarter of a core, what comes next waits in queues, and
a checkpoint behind it; fewer pieces bring the same events sooner.

>>> now, used = 0.0, 0.0
>>> gathering = Gathering(clock=lambda: now, cpu_clock=lambda: used)
>>> gathering.begin(), round(gathering.left_s(), 2)
(None, 0.2)
>>> for now in (1.0, 2.0, 3.0):
...     used += 0.9  # a process that is busy for nine tenths of the time
...     gathering.begin()
>>> gathering.left_s() > 0.5
True
"""

import time
from collections.abc import Callable
from typing import Final

LEAST_S: Final = 0.2
MOST_S: Final = 1.0
"""Figures that rise less often look as if they stood still."""
BUSY: Final = 0.25
"""Of one core: steps of a worker share one interpreter, and the last of them sees ten times as many pieces as the first.

Of 500 events a second on two cores, at half of a core each checkpoint waited 7 s in queues, at a quarter 0.7 s.
"""
_LOOK_EVERY_S: Final = 1.0
_STEP: Final = 1.5
"""How many times longer or shorter events gather after one look, at most."""


class Gathering:
    """One reader's pause between two visits; the clocks, in seconds, are passed in."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, cpu_clock: Callable[[], float] = time.process_time
    ) -> None:
        self._clock, self._cpu_clock = clock, cpu_clock
        self._looked_s, self._used_s = clock(), cpu_clock()
        self._lasts_s, self._until_s = LEAST_S, self._looked_s

    def begin(self) -> None:
        """Let events gather from now on."""
        now = self._clock()
        if (passed_s := now - self._looked_s) >= _LOOK_EVERY_S:
            used_s = self._cpu_clock()
            share = (used_s - self._used_s) / passed_s
            self._looked_s, self._used_s = now, used_s
            self._lasts_s *= min(max(share / BUSY, 1.0 / _STEP), _STEP)
            self._lasts_s = min(max(self._lasts_s, LEAST_S), MOST_S)
        self._until_s = now + self._lasts_s

    def left_s(self) -> float:
        """Return how much longer they gather; 0 where they need not."""
        return max(0.0, self._until_s - self._clock())
