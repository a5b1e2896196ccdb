"""Windows and the tiles that they are made of.

>>> parsed("5m"), tile_of(parsed("5m")), tile_of(parsed("30d")) == parsed("1d")
(300000, 60000, True)
"""

import re
from typing import Final

_UNITS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
TILES_MS: Final = (60_000, 300_000, 3_600_000, 86_400_000)
"""The lengths of tiles: a minute, five, an hour, a day, all of UTC."""
FEWEST_TILES: Final = 5
"""A window has at least so many tiles, so that its far end is off by a fifth of it at most."""


def parsed(text: str) -> int:
    """Return a duration such as `5m`, `1h`, `30d` in milliseconds; raises ValueError for any other text."""
    match = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(
            f"{text!r} is no duration; write minutes, hours or days, such as '5m', '1h' or '30d'"
        )
    return int(match[1]) * _UNITS[match[2]]


def tile_of(window_ms: int) -> int:
    """Return the length of a window's tiles: the longest of which it is made of five or more; a minute at least."""
    fitting = [tile for tile in TILES_MS if window_ms >= FEWEST_TILES * tile and window_ms % tile == 0]
    return fitting[-1] if fitting else TILES_MS[0]
