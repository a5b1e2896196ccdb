"""Point-in-time training sets: for each (entity, moment) exactly what a read at that moment would have given.

The events are replayed in order of time through the shard that computes live values, as far as each moment, and what
it would have stored is read as `serving` reads it. Cost: that of a replay, and about 3 ms for each distinct moment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
import pyarrow as pa

from schemas.features.identity import entity_id
from schemas.features.layout import Feature
from schemas.features.values import Stored, Value
from schemas.keys import VERSION_BYTES
from transforms.features.shard import FeatureShard
from transforms.features.table import EntityTable
from transforms.features.view import FeatureView
from transforms.pacing import Pace
from transforms.pieces import Piece, Progress
from transforms.publish import PublisherFactory

_VERSION: Final = bytes(VERSION_BYTES)


@dataclass(frozen=True)
class Label:
    """An entity and the moment of a read; `as_of_ms` is the newest event that the reader could know of."""

    place: int
    ids: tuple[str, ...]
    at_ms: int
    as_of_ms: int


class TrainingSet:
    """The values of some views at labels, all of one kind of entity."""

    def __init__(
        self,
        views: Sequence[FeatureView],
        timezone: str,
        order_horizon_ms: int,
        open_publisher: PublisherFactory,
    ) -> None:
        """The publisher is opened and never written to."""
        self._shard = FeatureShard(views, timezone, 0, order_horizon_ms, open_publisher, "", _never)
        self._shard.mute(True)
        [self._table] = self._shard.tables

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features, in the order of values."""
        return self._table.layout.features

    def values(self, events: pa.Table, labels: Sequence[Label]) -> Iterator[tuple[Label, list[Value]]]:
        """Yield each label with its values, in order of `as_of_ms`; `events` are those of `feature_events`."""
        events = events.sort_by([("event_time_ms", "ascending"), ("event", "ascending")])
        times = events["event_time_ms"].to_numpy()
        done = 0
        for as_of_ms, group in groupby(sorted(labels, key=_moment), key=_moment):
            end = int(np.searchsorted(times, as_of_ms, side="right"))
            self._absorb(events.slice(done, end - done), as_of_ms)
            done = end
            yield from self._read(list(group))

    def _absorb(self, events: pa.Table, as_of_ms: int) -> None:
        for batch in events.combine_chunks().unify_dictionaries().to_batches():
            list(self._shard.absorb(Piece(Progress(0, 1, 0, as_of_ms), (batch,))))

    def _read(self, labels: Sequence[Label]) -> Iterator[tuple[Label, list[Value]]]:
        records = records_of(self._table, [entity_id(label.ids) for label in labels])
        for label, record in zip(labels, records, strict=True):
            yield label, values_at(self._table, record, label.at_ms)


def records_of(table: EntityTable, ids: Sequence[str]) -> list[bytes | None]:
    """Return the records of entities as they would be stored now, without their versions; None for unknown ones."""
    held = table.records(ids, _VERSION)
    return [None if each is None else each[VERSION_BYTES:] for each in held]


def values_at(table: EntityTable, record: bytes | None, at_ms: int) -> list[Value]:
    """Return what a record says at a moment; what is past its view's time to live is None."""
    features = table.layout.features
    if record is None:
        return [None] * len(features)
    stored = Stored.read(table.layout, [record])
    age_ms = at_ms - int(stored.last_ms[0])
    columns = stored.values(np.array([at_ms], np.int64))
    return [
        column[0] if age_ms <= feature.ttl_ms else None
        for column, feature in zip(columns, features, strict=True)
    ]


def _moment(label: Label) -> int:
    return label.as_of_ms


def _never() -> Pace:
    """Return a pace at which nothing is due."""
    return Pace(float("inf"), lambda: 0.0)
