"""What is simulated: how much of it, from when on, with which imperfections, under which seed."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from schemas.errors import UsageError

VERSION: Final = 1
"""Raised whenever the same scenario would give other bytes."""

PREFIX: Final = "sim-"
"""Every id of simulated data begins with it."""

CATEGORIES: Final = 12
FORMATS: Final = ("jsonl", "parquet", "ipc")
START_MS: Final = 1_781_780_400_000  # 2026-06-18T19:00+08:00
DAY_MS: Final = 86_400_000
_LEAST: Final = {"evenings": 1, "rooms": 4, "users": 200, "items": 100, "events": 1_000}
_MOST: Final = {"evenings": 1_000, "rooms": 10_000, "users": 10_000_000, "items": 1_000_000, "events": 10**10}
_MOST_SHARE: Final = 0.5


@dataclass(frozen=True)
class Scenario:
    """One simulation; the same scenario gives the same events, byte for byte.

    `events` is how many there will be, to within a tenth. `late`, `duplicates` and `broken` are shares of them;
    broken lines come on top. Raises UsageError for what cannot be simulated.

    >>> Scenario(rooms=0)
    Traceback (most recent call last):
    ...
    schemas.errors.UsageError: --rooms is a whole number from 4 to 10,000; it is 0.
    """

    evenings: int = 1
    rooms: int = 20
    users: int = 20_000
    items: int = 1_000
    events: int = 200_000
    seed: int = 1
    start_ms: int = START_MS
    late: float = 0.02
    duplicates: float = 0.01
    broken: float = 0.0
    format: str = "jsonl"

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if not least <= value <= _MOST[name]:
                raise UsageError(
                    f"--{name} is a whole number from {least:,} to {_MOST[name]:,}; it is {value:,}."
                )
        for name in ("late", "duplicates", "broken"):
            value = getattr(self, name)
            if not 0 <= value <= _MOST_SHARE:
                raise UsageError(f"--{name} is a share from 0 to {_MOST_SHARE}; it is {value}.")
        if self.format not in FORMATS:
            raise UsageError(f"--format is one of {', '.join(FORMATS)}; it is {self.format!r}.")

    def parameters(self) -> dict[str, Any]:
        """Return everything that decides the bytes, by name."""
        return asdict(self)
