"""`Publisher`: where results go, as the steps of the pipeline see it; `transforms.io` has the Redis one."""

from collections.abc import Sequence
from typing import Final, Protocol

_FIELDS_A_WRITE: Final = 500


class Publisher(Protocol):
    """Takes absolute, versioned values; writing the same or an older one again changes nothing."""

    def epoch(self) -> int:
        """Return the number that this attempt's versions carry."""

    def set_newer(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        """Write values (version first) to fields of a hash, each unless a newer one stands there."""

    def set_once(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        """Write values that depend only on their field, so that repeating them is harmless."""

    def add_windows(self, key: str, starts_ms: Sequence[int]) -> None:
        """Add window starts to a window index."""

    def progress(self, fields: dict[str, int]) -> None:
        """Show how far the pipeline has got."""

    def flush(self) -> None:
        """Send everything taken so far; waits and retries while the store is away."""


class Grouped:
    """Values waiting for their write, grouped by key: the fewer commands, the faster."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[str, bytes]] = {}

    def put(self, key: str, field: str, value: bytes) -> None:
        """Hold a value; a later one for the same field replaces it."""
        self._waiting.setdefault(key, {})[field] = value

    def write_newer(self, publisher: Publisher) -> None:
        """Hand everything held to the publisher, a bounded number of fields a command."""
        for key, values in self._waiting.items():
            fields = list(values)
            for begin in range(0, len(fields), _FIELDS_A_WRITE):
                part = fields[begin : begin + _FIELDS_A_WRITE]
                publisher.set_newer(key, part, [values[field] for field in part])
        self._waiting.clear()


class PublisherFactory(Protocol):
    """Opens a publisher on a worker; must pickle."""

    def __call__(self) -> Publisher:
        """Open one."""
