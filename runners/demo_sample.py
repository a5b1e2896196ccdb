"""The real sample that ships: a slice of a shop's log, and what has to be known to read it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from schemas.errors import StateError

FOLDER = Path(__file__).with_name("demo_data")
DIMS = "dims"
TIMEZONE = "Europe/London"
"""Where the sample's shop is, so that its days are the shop's days."""


class _Sale(msgspec.Struct):
    user_id: str | None = None
    currency: str | None = None
    order_status: str | None = None


@dataclass(frozen=True)
class Sample:
    """What a demo replays: its events and dimensions, its currency, its busiest buyer, and how it is best shown.

    `boards` are the scopes whose leaders are shown, `window` is the one to show the platform by, `synthetic` whether
    the events were simulated, `asked_at` when the buyer asks what to look at, without it after the last event.
    """

    path: Path
    dims: Path
    currency: str
    timezone: str
    buyer: str
    boards: tuple[str, ...] = ("item",)
    window: str = "day"
    synthetic: bool = False
    asked_at: str | None = None


def find_sample(folder: Path = FOLDER) -> Sample:
    """Return the sample; reads it once, a second for half a million events.

    Raises StateError if the installation lacks it.
    """
    from transforms.io.folder import event_files

    found = event_files([folder])
    if len(found) != 1:
        raise StateError(
            f"The sample should be one file of events in {folder}; there are {len(found)}. "
            "Install interestream again."
        )
    sales = [sale for sale in _sales(found[0]) if sale.currency]
    buyers = Counter(sale.user_id for sale in sales if sale.user_id and sale.order_status == "paid")
    buyer = min(buyers, key=lambda user: (-buyers[user], user))
    return Sample(found[0], folder / DIMS, str(sales[0].currency), TIMEZONE, buyer)


def _sales(path: Path) -> Iterator[_Sale]:
    from transforms.io.event_lines import event_lines

    decode = msgspec.json.Decoder(_Sale).decode
    return (decode(line) for line in event_lines(path))
