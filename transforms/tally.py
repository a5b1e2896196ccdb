"""`Tally`: what one shard has counted since its job began, exact across restarts where Beam's metrics are not.

Beam's counters are of the attempt that runs: what a job counted before a failure is gone with its worker. A tally
is part of its shard's state, so it goes back exactly as far as the state does, and is published as an absolute
value with a version. Cost: one small write at most every quarter of a second, and when the source pauses.
"""

from collections.abc import Callable, Mapping
from typing import Final

import pyarrow as pa

from schemas.keys import Version, counts_key, pack
from transforms.pacing import Pace
from transforms.pieces import IDLE
from transforms.publish import Outlet, PublisherFactory

REFUSED_SCHEMA: Final = pa.schema([("reason", pa.string()), ("count", pa.int64())])
"""How many inputs the gate refused, for which reason: sent along to the first shard, whose state remembers it."""


class Tally:
    """Counts by name under the name of one shard."""

    def __init__(
        self, name: str, open_publisher: PublisherFactory, namespace: str, pace: Callable[[], Pace]
    ) -> None:
        self._name, self._key, self._pace = name, counts_key(namespace), pace()
        self.outlet = Outlet(open_publisher())
        self.counts: dict[str, int] = {}

    def add(self, counts: Mapping[str, int]) -> None:
        """Count so many more of each."""
        for name, number in counts.items():
            if number:
                self.counts[name] = self.counts.get(name, 0) + number

    def add_refused(self, told: pa.RecordBatch) -> None:
        """Count what the gate refused."""
        rows = zip(told["reason"].to_pylist(), told["count"].to_pylist(), strict=True)
        self.add({f"refused.{reason}": count for reason, count in rows})

    def show(self, urgent: int) -> None:
        """Publish if it is due."""
        if self._pace.is_due(urgent >= IDLE):
            self.publish()

    def publish(self) -> None:
        """Publish all that was counted."""
        publisher = self.outlet.publisher
        version = Version(publisher.epoch(), 0, sum(self.counts.values()))
        publisher.set_newer(self._key, [self._name], [pack(version, self.counts)])
        publisher.flush()


def refused_counts(letters: pa.RecordBatch) -> pa.RecordBatch:
    """Return how many dead letters there are for each reason.

    >>> letters = pa.record_batch({"reason": ["unreadable_input", "unreadable_input"]})
    >>> refused_counts(letters).to_pylist()
    [{'reason': 'unreadable_input', 'count': 2}]
    """
    counted = letters["reason"].value_counts()
    columns = [counted.field("values").cast(pa.string()), counted.field("counts")]
    return pa.RecordBatch.from_arrays(columns, schema=REFUSED_SCHEMA)
