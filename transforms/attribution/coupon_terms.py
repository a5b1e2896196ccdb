"""`CouponTerms`: what a coupon's own events say of it, whatever order they come in.

Each term (what was bought, for how much, until when …) is as the earliest event, by time and then by id, says that has
it, and holds from that event's own time on. A coupon's life ends with `valid_to`, or with the first event that says
that it was exhausted, expired or revoked, whichever is first. So all is a function of the set of events, and no event
changes what was before its own time. State: about 600 bytes a coupon.

>>> terms = CouponTerms()
>>> terms.hear((5, "e"), "revoked", {})
>>> terms.hear((2, "d"), "granted", {"valid_to": 9, "holdout_share": 0.1})
>>> terms.ends_ms, terms.told("holdout_share"), terms.status(spent=0, latest_ms=6)
(5, 0.1, 'revoked')
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

ENDED: Final = ("exhausted", "expired", "revoked")
UNKNOWN: Final = "unknown"
"""The status of a coupon that no event has told of."""
NEVER_MS: Final = 2**61
"""The end of a coupon that no event has told."""
_TERMS: Final = (
    "cost_minor",
    "impressions",
    "valid_from",
    "valid_to",
    "creator_id",
    "task_id",
    "holdout_share",
)

Moment = tuple[int, str]
"""Time and id of an event, which order statements."""


@dataclass(slots=True)
class CouponTerms:
    """The earliest of each term, the earliest of each status, and the latest status."""

    terms: dict[str, tuple[Moment, Any]] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    latest: tuple[Moment, str] | None = None

    def hear(self, moment: Moment, status: str, terms: dict[str, Any]) -> None:
        """Take one event, in any order; again does nothing."""
        for name, value in terms.items():
            if value is not None and (name not in self.terms or moment < self.terms[name][0]):
                self.terms[name] = (moment, value)
        self.since[status] = min(self.since.get(status, NEVER_MS), moment[0])
        if self.latest is None or moment > self.latest[0]:
            self.latest = (moment, status)

    def told(self, name: str) -> Any:
        """Return one term, None where nobody has said."""
        return self.terms[name][1] if name in self.terms else None

    @property
    def ends_ms(self) -> int:
        """The last moment of the coupon's life."""
        ends = [ms for status, ms in self.since.items() if status in ENDED]
        if "valid_to" in self.terms:
            (said_ms, _), valid_to_ms = self.terms["valid_to"]
            ends.append(max(said_ms, valid_to_ms))
        return min(ends, default=NEVER_MS)

    def status(self, spent: int, latest_ms: int) -> str:
        """Return what has become of the coupon, as of the latest event of all."""
        told = self.latest[1] if self.latest else UNKNOWN
        bought = self.told("impressions")
        if told in ENDED:
            return told
        if bought is not None and spent >= bought > 0:
            return "exhausted"
        return "expired" if latest_ms > self.ends_ms else told

    def state(self) -> tuple[Any, ...]:
        """Return everything held, for a snapshot."""
        return dict(self.terms), dict(self.since), self.latest

    @classmethod
    def loaded(cls, state: tuple[Any, ...]) -> "CouponTerms":
        """Return what an earlier `state()` was of."""
        terms, since, latest = state
        return cls(dict(terms), dict(since), latest)


def statements(events: pa.RecordBatch) -> Iterator[tuple[Moment, str, dict[str, Any]]]:
    """Yield what each coupon event says, as `CouponTerms.hear` takes it; each takes some steps of Python."""
    columns = [
        column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in events.columns
    ]
    for event in pa.RecordBatch.from_arrays(columns, names=events.schema.names).to_pylist():
        moment = event["event_time"], event["event_id"]
        yield moment, event["coupon_status"], {name: event[name] for name in _TERMS}
