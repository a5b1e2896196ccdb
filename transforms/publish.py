"""`Publisher`: where results go, as the steps of the pipeline see it; `transforms.io` has the Redis one."""

from collections.abc import Sequence
from typing import Protocol


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


class PublisherFactory(Protocol):
    """Opens a publisher on a worker; must pickle."""

    def __call__(self) -> Publisher:
        """Open one."""
