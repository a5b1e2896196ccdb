"""Which window an instant belongs to: minute and hour in UTC, day in the reporting time zone.

>>> day_starts = DayStarts("America/New_York")
>>> import numpy as np
>>> # 2026-03-08 has 23 hours there: its day begins at 05:00 UTC, the next at 04:00 UTC
>>> starts = day_starts(np.array([1772950000 // 60, 1773036000 // 60]))
>>> ((starts[1] - starts[0]) // 60).item()
23
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Minutes = npt.NDArray[np.int64]

MINUTE: Final = 0
HOUR: Final = 1
DAY: Final = 2
TOTAL: Final = 3

_LENGTH_MINUTES: Final = (1, 60, 25 * 60, 2**40)


def ends_by(kinds: npt.NDArray[np.int8], starts: Minutes) -> Minutes:
    """Return a minute by which each window has surely ended; days have up to 25 hours, `total` never ends."""
    return starts + np.array(_LENGTH_MINUTES, np.int64)[kinds]


class DayStarts:
    """The minute (since the epoch, UTC) at which the local calendar day of each minute began."""

    def __init__(self, timezone: str) -> None:
        self._type = pa.timestamp("s", tz=timezone)

    def __call__(self, minutes: Minutes) -> Minutes:
        """Cost: one time-zone conversion a distinct minute."""
        distinct, inverse = np.unique(minutes, return_inverse=True)
        local = pa.array(distinct * 60, pa.int64()).view(pa.timestamp("s", tz="UTC")).cast(self._type)
        floors = pc.floor_temporal(local, unit="day").cast(pa.int64()).to_numpy()
        return (floors // 60)[inverse]
