"""Feature views in the pipeline: events in, the values of whoever they concern to the publisher, at a bounded pace.

What is held is a function of the set of events, so it is the same in any order and any batches. An entity is written
whole, once a turn however many events it had: a room with half the traffic is written as often as any other.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.features.identity import PERSONAL
from schemas.features.layout import encoded
from schemas.keys import (
    AS_OF,
    CATALOGUE,
    FRESHNESS,
    Version,
    feature_bucket_key,
    feature_key,
    features_key,
    pack_version,
)
from transforms.features.compiled import compile_views
from transforms.features.encoding import Encoded
from transforms.features.events import FeatureRows
from transforms.features.lines import PaidLines
from transforms.features.table import EntityTable
from transforms.features.value_names import ValueNames
from transforms.features.view import FeatureView
from transforms.pacing import Pace, Sweep
from transforms.pieces import AFTER_ALL_MS, BEFORE_ALL_MS, IDLE, LowWatermark, Piece
from transforms.publish import Grouped, Outlet, PublisherFactory
from transforms.shards import Output
from transforms.state.hashing import hash_strings, hash_text

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DAY_MS: Final = 86_400_000
_SWEEP_MS: Final = _DAY_MS // 4
_FIELDS_A_WRITE: Final = 1000
_GONE: Final = b""
"""What stands behind the version of an entity that was forgotten or erased."""


class FeatureShard:
    """All feature views of a job."""

    def __init__(
        self,
        views: Sequence[FeatureView],
        timezone: str,
        lateness_ms: int,
        order_horizon_ms: int,
        open_publisher: PublisherFactory,
        namespace: str,
        pace: Callable[[], Pace],
        erased: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`erased` are users of whom nothing may be known; `clock` tells when values are written, in seconds."""
        compiled = compile_views(views)
        self._catalogue, self._generation = compiled.catalogue, 0
        self._names, self._lines = ValueNames(), PaidLines(order_horizon_ms, lateness_ms)
        self.tables = [EntityTable(plan, self._names) for plan in compiled.plans]
        self._timezone, self._lateness_ms, self._namespace, self._clock = (
            timezone,
            lateness_ms,
            namespace,
            clock,
        )
        self._erased_users, self._erased = tuple(erased), hash_strings(list(erased))
        self._outlet, self._pace, self._muted = Outlet(open_publisher()), pace(), False
        self._low, self._sweep, self._watermark_ms = LowWatermark(), Sweep(_SWEEP_MS), BEFORE_ALL_MS
        self._absorbed, self._as_of_ms, self._told = 0, 0, False
        self._gone = Grouped()

    def absorb(self, piece: Piece) -> Iterator[Output]:
        """Take one batch of `feature_events`."""
        watermark = self._low.observe(piece)
        if piece.batches and piece.batch.num_rows:
            self._take(FeatureRows.of(self._allowed(piece.batch), self._timezone))
        self._absorbed += piece.batch.num_rows if piece.batches else 0
        if BEFORE_ALL_MS < watermark < AFTER_ALL_MS:
            self._forget(watermark)
        if not self._muted and self._pace.is_due(piece.urgent >= IDLE):
            self.publish(watermark)
            self._pace.written()
        yield from ()

    def _allowed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Leave out what erased users did."""
        if not len(self._erased):
            return batch
        return batch.filter(pa.array(~np.isin(hash_text(batch["user_id"]), self._erased)))

    def _take(self, rows: FeatureRows) -> None:
        net = self._lines.absorb(rows)
        for table in self.tables:
            table.absorb(rows, net)
        self._as_of_ms = max(self._as_of_ms, rows.newest_ms)

    def _forget(self, watermark: int) -> None:
        """Forget lines and entities that nothing can concern any more, and the texts of values that nobody holds."""
        self._lines.forget(watermark)
        if not self._sweep.is_due(watermark):
            return
        for table in self.tables:
            before_ms = watermark - self._lateness_ms - table.layout.ttl_ms - _DAY_MS
            for identifier in table.forget(before_ms).to_pylist():
                self._bury(table, identifier)
        held = np.unique(np.concatenate([table.values_held() for table in self.tables]))
        if len(self._names) > 2 * len(held):
            self._names.keep(held)

    def _bury(self, table: EntityTable, identifier: str) -> None:
        key = feature_key(self._namespace, table.layout.name, identifier, self._generation)
        self._gone.put(key, identifier, self._version() + _GONE)

    def _version(self) -> bytes:
        return pack_version(
            Version(self._outlet.publisher.epoch(), max(self._watermark_ms, 0), self._absorbed)
        )

    def publish(self, watermark: int) -> None:
        """Write every entity that changed, and at first the catalogue behind them: readers find all of it, or none."""
        publisher, self._watermark_ms = self._outlet.publisher, watermark
        version, now_ms = self._version(), int(self._clock() * 1000)
        self._gone.write_newer(publisher)
        ages: list[npt.NDArray[np.int64]] = []
        for table in self.tables:
            for changed in table.take_changed(version, now_ms):
                self._write(table, changed)
                ages.append(now_ms - changed.newest_ms)
        told = {AS_OF: version + _ENCODE(self._as_of_ms)}
        if not self._told:
            publisher.barrier()
            told[CATALOGUE] = version + encoded(replace(self._catalogue, generation=self._generation))
            self._told = True
        if ages:
            middle, late = np.percentile(np.concatenate(ages), (50, 99))
            told[FRESHNESS] = version + _ENCODE([int(middle), int(late)])
        publisher.set_newer(features_key(self._namespace), list(told), list(told.values()))
        publisher.flush()

    def _write(self, table: EntityTable, changed: Encoded) -> None:
        ends = np.flatnonzero(np.diff(changed.buckets, append=-1)) + 1
        for begin, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True):
            bucket = int(changed.buckets[begin])
            key = feature_bucket_key(self._namespace, table.layout.name, bucket, self._generation)
            for first in range(begin, end, _FIELDS_A_WRITE):
                last = min(first + _FIELDS_A_WRITE, end)
                self._outlet.publisher.set_newer(
                    key, changed.ids.part(first, last), changed.values.part(first, last)
                )

    def erase(self, users: Sequence[str]) -> None:
        """Forget these users and all pairs with them, in state and in the store, and leave tombstones."""
        named = frozenset(users)
        for table in self.tables:
            persons = [place for place, name in enumerate(table.plan.entity) if name in PERSONAL]
            for identifier in table.drop(persons, named).to_pylist():
                self._bury(table, identifier)

    def outlet(self) -> Outlet:
        """Return what it publishes through."""
        return self._outlet

    def republish(self) -> None:
        """Publish every entity held."""
        for table in self.tables:
            table.mark_all()
        self._told = False
        self.publish(self._watermark_ms)

    def strays(self) -> None:
        """Nothing depends on the order of arrival."""

    def logged(self, piece: Piece) -> Piece:
        """Return the whole piece."""
        return piece

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot; tombstones that wait are written first."""
        self._gone.write_newer(self._outlet.publisher)
        return {
            "names": self._names.state(), "lines": self._lines.state(), "low": self._low,
            "tables": {table.layout.name: table.state() for table in self.tables},
            "absorbed": self._absorbed, "as_of": self._as_of_ms, "generation": self._generation,
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`; every entity held is published again."""
        self._names.load(state["names"])
        self._lines.load(state["lines"])
        for table in self.tables:
            table.load(state["tables"][table.layout.name])
        self._low, self._absorbed, self._as_of_ms = state["low"], state["absorbed"], state["as_of"]
        self._generation, self._told = state["generation"], False
        if self._erased_users:
            self.erase(self._erased_users)

    def mute(self, muted: bool) -> None:
        """While muted, absorb without publishing."""
        self._muted = muted
