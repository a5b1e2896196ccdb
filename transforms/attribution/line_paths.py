"""`LinePaths`: what lines give or take back, with the channels of their eligible touches in order of time.

What models need that split credit by whole paths, whose weights are not known where lines are (`CreditBook.settle`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy.typing as npt

Array = npt.NDArray[Any]


class LinePaths(NamedTuple):
    """Lines under one attribution window, and their eligible touches, one line's after another's, earliest first."""

    window: int
    """The number of the attribution window (`schemas.metrics.ATTRIBUTION_WINDOWS`)."""
    sign: int
    """1: it is given, -1: it is taken back."""
    pay_time_ms: Array
    net_minor: Array
    micro_orders: Array
    new_customer: Array
    """1 for lines of a user's first order with the merchant."""
    counts: Array
    """How many touches are each line's; 0: it is `direct`."""
    names: Array
    """One row a touch: the number of the name of its channel and of each further one, -1 for none."""
    together: Array
    """Whether each touch was in the session of the order."""


Watch = Callable[[LinePaths], None]
Spent = Callable[[Array, Array, Array], None]
"""Takes users (hashes), times and amounts: what lines paid at a time gained, or lost (below 0)."""
