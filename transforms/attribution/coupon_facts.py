"""`CouponFacts`: until when a coupon is valid, which share is held out, and what it cost, whatever order its events take.

Each is told by the earliest event of the coupon, by time and then by event id, that has it: the grant, mostly. So what
is known depends on the set of events alone. Coupon events are few; every shard that needs them gets all.

State: about 600 bytes a coupon.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa

from transforms.attribution.exposures import OPEN_MS
from transforms.state.hashing import Hashes, hash_strings

_TOLD: Final = ("valid_to", "holdout_share", "cost_minor", "impressions")


@dataclass(slots=True)
class Coupon:
    """What is known of a coupon; each fact stands with the (time, event id) of the event that told it."""

    coupon_id: str
    facts: dict[str, tuple[tuple[int, str], Any]] = field(default_factory=dict)

    def told(self, name: str) -> Any:
        """Return a fact, None where no event has told it."""
        return self.facts[name][1] if name in self.facts else None

    @property
    def valid_to_ms(self) -> int:
        """The last millisecond at which an exposure makes a user eligible."""
        known = self.told("valid_to")
        return OPEN_MS if known is None else int(known)


class CouponFacts:
    """All coupons of the last while, by the hash of their id."""

    def __init__(self) -> None:
        self._coupons: dict[int, Coupon] = {}

    def __len__(self) -> int:
        return len(self._coupons)

    def absorb(self, events: pa.RecordBatch) -> tuple[Hashes, Any]:
        """Take coupon events (`coupon_events_of`); return the coupons that they name, and until when those are valid."""
        touched: dict[int, Coupon] = {}
        ids = events["coupon_id"].to_pylist()
        for number, row in zip(hash_strings(ids).tolist(), _rows(events), strict=True):
            coupon = self._coupons.setdefault(number, Coupon(row["coupon_id"]))
            _note(coupon, row)
            touched[number] = coupon
        return (
            np.array(list(touched), np.uint64),
            np.array([coupon.valid_to_ms for coupon in touched.values()], np.int64),
        )

    def get(self, coupon: int) -> Coupon | None:
        """Return what is known of a coupon by the hash of its id."""
        return self._coupons.get(coupon)

    def forget(self, before_ms: int) -> list[int]:
        """Drop coupons whose validity ended before, and return them; their arms may go with them."""
        gone = [number for number, coupon in self._coupons.items() if coupon.valid_to_ms < before_ms]
        for number in gone:
            del self._coupons[number]
        return gone

    def state(self) -> dict[int, Any]:
        """Return everything held, for a snapshot."""
        return {number: (coupon.coupon_id, dict(coupon.facts)) for number, coupon in self._coupons.items()}

    def load(self, state: dict[int, Any]) -> None:
        """Take an earlier `state()`."""
        self._coupons = {number: Coupon(name, dict(facts)) for number, (name, facts) in state.items()}


def _rows(events: pa.RecordBatch) -> list[dict[str, Any]]:
    valid_to = events["valid_to"].cast(pa.int64())
    at = events.schema.get_field_index("valid_to")
    return list(events.set_column(at, "valid_to", valid_to).to_pylist())


def _note(coupon: Coupon, row: dict[str, Any]) -> None:
    place = (row["event_time_ms"], row["event_id"])
    for name in _TOLD:
        if row[name] is not None and (name not in coupon.facts or place < coupon.facts[name][0]):
            coupon.facts[name] = (place, row[name])
