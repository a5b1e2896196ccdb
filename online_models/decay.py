"""Forward decay: old counts fade without being touched.

An event at time t adds 2^((t - landmark) / half-life) instead of shrinking everything else; a decayed
count is the stored value over the growth now (Cormode, Shkapenyuk, Srivastava, Xu: "Forward Decay",
ICDE 2009). Ratios and order of such counts need no clock at all.
"""

import numpy as np

from online_models.compiled import compiled

UNSET_MS = np.iinfo(np.int64).min
"""The landmark before the first event."""

ROOM = 60.0
"""Half-lives between landmark and now before values are brought down: float32 holds 2^127."""


@compiled
def growth(now_ms: float, landmark_ms: float, half_life_ms: float) -> float:
    """What an event now adds, as a multiple of one at the landmark."""
    return np.exp2((now_ms - landmark_ms) / half_life_ms)


@compiled
def overdue(now_ms: int, landmark_ms: int, half_life_ms: float) -> float:
    """Whole half-lives by which the landmark must move up; 0 while there is room."""
    if landmark_ms == UNSET_MS:
        return 0.0
    passed = (now_ms - landmark_ms) / half_life_ms
    return np.floor(passed) if passed > ROOM else 0.0
