"""Figures for people, each in its unit; files and JSON keep the plain numbers.

>>> [told(name, value, "GBP") for name, value in (("views", 1234), ("ctr", 0.03456), ("aov_minor", 123456.7))]
['1,234', '3.46 %', 'GBP 1,234.57']
>>> told("mean_dwell_ms", 12_345.0, None), told("aov_minor", None, "GBP"), told("gmv_paid_minor", 5, None)
('12.3 s', '–', '5')
"""

from typing import Final

from runners.cli.money import money
from schemas.metrics import RATIOS

_MS_A_SECOND: Final = 1000


def told(name: str, value: float | None, currency: str | None) -> str:
    """Return one figure as text: money with its currency, shares in percent, durations in seconds."""
    if value is None:
        return "–"
    if name.endswith("_minor"):
        return money(round(value), currency)
    if name.endswith("_ms"):
        return f"{value / _MS_A_SECOND:,.1f} s"
    return f"{value:.2%}".replace("%", " %") if name in RATIOS else f"{value:,}"
