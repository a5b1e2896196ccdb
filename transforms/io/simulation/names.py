"""The ids of simulated things: each begins with `sim-`, so no one can take them for real ones.

>>> name("item", 7), name("creator", -1)
('sim-i00007', None)
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.io.simulation.draws import Ints
from transforms.io.simulation.scenario import PREFIX

_FORMS: Final = {
    "item": "i{:05d}", "merchant": "m{:04d}", "brand": "b{:04d}", "category": "cat{:02d}", "creator": "c{:03d}",
    "room": "r{:03d}", "mcn": "mcn{:02d}", "base": "base{:02d}", "provider": "sp{:02d}", "region": "region{:d}",
    "campaign": "campaign{:d}",
}  # fmt: skip


def name(kind: str, number: int) -> str | None:
    """Return one id; none for a negative number."""
    return None if number < 0 else PREFIX + _FORMS[kind].format(number)


def names(kind: str, numbers: Ints | range) -> list[str | None]:
    """Return ids, one by one; for tables, not for events."""
    return [name(kind, int(number)) for number in numbers]


def numbered(kind: str, numbers: Ints) -> pa.Array:
    """Return many ids of users, orders or events: the kind's letter and the number."""
    return pc.binary_join_element_wise(PREFIX + kind, pa.array(numbers).cast(pa.string()), "")


def event_numbers(first: int, count: int) -> Ints:
    """Return numbers of as many digits, so that ids sort as numbers do."""
    return np.arange(first, first + count) + 10**12


def session_name(evening: int, room: int) -> str:
    """Return the id of a room's broadcast of an evening."""
    return f"{name('room', room)}-e{evening:03d}"


def promotion_name(evening: int, place: int, coupons: int) -> str:
    """Return the id of a coupon, or of an ad plan, which come after the coupons."""
    kind, number = ("coupon", place) if place < coupons else ("plan", place - coupons)
    return f"{PREFIX}{kind}-e{evening:03d}-{number:02d}"
