"""What a catalogue of figures depends on beside the events: the deployment's terms, as the settings name
them."""

from dataclasses import dataclass
from typing import Any, Final

DAY_MS: Final = 86_400_000


@dataclass(frozen=True)
class Terms:
    """The settings that change a figure; durations in milliseconds."""

    timezone: str = "Asia/Shanghai"
    currency: str = "CNY"
    max_out_of_orderness_ms: int = 30_000
    allowed_lateness_ms: int = 3_600_000
    dedup_horizon_ms: int = DAY_MS
    order_horizon_ms: int = 30 * DAY_MS

    def settings(self) -> dict[str, Any]:
        """Return them by the names of the settings."""
        return dict(vars(self))
