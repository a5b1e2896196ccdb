"""Which touches each attribution window counts, and what is stored of a touch that a line may credit.

>>> rule = ATTRIBUTION_RULES["click_7d_view_1d"]
>>> rule.clicks_ms // DAY_MS, rule.views_ms // DAY_MS, rule.in_room
(7, 1, False)
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from schemas.metrics import ATTRIBUTION_WINDOWS

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000

HALF_LIFE_MS: Final = 7 * DAY_MS
IN_ROOM_HALF_LIFE_MS: Final = 10 * MINUTE_MS

CLICKED: Final = 1
"""The touch was a click, else a view."""
SAME_SESSION: Final = 2
"""The touch was in the room and broadcast of the order."""
PAID: Final = 4
"""Somebody paid for the touch: its channel is not organic."""

NO_VIEWS: Final = -1


class WindowRule(NamedTuple):
    """How long before the payment a click and a view still count; both ends do. `in_room`: in the order's session only."""

    number: int
    clicks_ms: int
    views_ms: int = NO_VIEWS
    in_room: bool = False

    @property
    def half_life_ms(self) -> int:
        """Within which time a touch's weight under `time_decay` halves."""
        return IN_ROOM_HALF_LIFE_MS if self.in_room else HALF_LIFE_MS


def numbers_of(rule: WindowRule) -> tuple[int, int, int, int]:
    """Return a rule as kernels take it: clicks, views, in-room, half-life."""
    return rule.clicks_ms, rule.views_ms, int(rule.in_room), rule.half_life_ms


def _rule(name: str, clicks_ms: int, views_ms: int = NO_VIEWS, in_room: bool = False) -> WindowRule:
    return WindowRule(ATTRIBUTION_WINDOWS.index(name), clicks_ms, views_ms, in_room)


ATTRIBUTION_RULES: Final = {
    "click_30m": _rule("click_30m", 30 * MINUTE_MS, in_room=True),
    "click_7d_view_1d": _rule("click_7d_view_1d", 7 * DAY_MS, DAY_MS),
    "click_1d": _rule("click_1d", DAY_MS),
    "click_3d": _rule("click_3d", 3 * DAY_MS),
    "click_15d": _rule("click_15d", 15 * DAY_MS),
    "click_30d": _rule("click_30d", 30 * DAY_MS),
}
"""Every attribution window by its name."""


def widest(names: Iterable[str]) -> tuple[int, int]:
    """Return for how long clicks and views must be known for all of these windows; (-1, -1) for none.

    >>> widest(["click_30m", "click_7d_view_1d"]) == (7 * DAY_MS, DAY_MS)
    True
    """
    rules = [ATTRIBUTION_RULES[name] for name in names]
    clicks_ms = max((rule.clicks_ms for rule in rules), default=NO_VIEWS)
    return clicks_ms, max((rule.views_ms for rule in rules), default=NO_VIEWS)
