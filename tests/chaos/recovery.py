"""How long figures stand still after something was killed."""

import time
from collections.abc import Callable
from typing import NamedTuple

from live import LiveJob

STILL_S = 2.0
"""Figures that do not rise for so long stand still; live ones rise once a second or more, also during a checkpoint."""
_STEADY_S = 4.0
_WATCH_S = 16.0
"""Longer than the cluster takes to notice a silent member."""
_PATIENCE_S = 180.0


class Recovered(NamedTuple):
    """Seconds from a kill until figures moved again; 0 where they never stood still."""

    after_s: float
    still_s: float


def recovered(job: LiveJob, clock: Callable[[], float] = time.monotonic) -> Recovered:
    """Watch a total that should rise all the time, from a kill on, until it has risen steadily for a while.

    Only a total above all that was seen before counts as risen: what is restored is not news.
    """
    began = rose = clock()
    highest, ended, longest = job.total(), began, 0.0
    while True:
        now, seen = clock(), job.total()
        if seen > highest:
            if now - rose > STILL_S:
                ended, longest = now, max(longest, now - rose)
            highest, rose = seen, now
        if now - rose < STILL_S and now - ended > _STEADY_S and (longest or now - began > _WATCH_S):
            return Recovered(ended - began if longest else 0.0, longest)
        assert not job.has_ended(), job.said
        assert now - began < _PATIENCE_S, f"figures stand still at {highest} for {now - rose:.0f} s"
        time.sleep(0.02)
