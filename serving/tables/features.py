"""`features.parquet`: every feature of every entity that is not 0 or empty, as of the newest event."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa

from schemas.errors import UsageError
from schemas.features.layout import EntityLayout, Feature
from schemas.features.values import Stored, Value
from schemas.keys import BUCKETS, US, VERSION_BYTES, feature_bucket_key
from schemas.outputs import EXPORTS
from serving.access import Store, read_hashes
from serving.features import read_feature_state

_AT_ONCE: Final = 8
"""Buckets of an entity that make one part of the table."""


def feature_tables(store: Store) -> Iterator[pa.Table]:
    """Yield the table in parts: a kind of entity after another, in order of bucket, id, view and feature."""
    try:
        state = read_feature_state(store)
    except UsageError:
        return
    for layout in sorted(state.catalogue.entities, key=lambda layout: layout.name):
        for first in range(0, BUCKETS, _AT_ONCE):
            buckets = range(first, min(first + _AT_ONCE, BUCKETS))
            keys = [
                feature_bucket_key(store.namespace, layout.name, number, state.catalogue.generation)
                for number in buckets
            ]
            rows = [row for held in read_hashes(store, keys) for row in sorted(held.items())]
            table = _table(layout, rows, state.as_of_ms)
            if table.num_rows:
                yield table


def _table(layout: EntityLayout, rows: Sequence[tuple[bytes, bytes]], as_of_ms: int) -> pa.Table:
    known = [
        (identifier.decode(), value[VERSION_BYTES:])
        for identifier, value in rows
        if len(value) > VERSION_BYTES
    ]
    stored = Stored.read(layout, [body for _, body in known])
    columns: dict[str, list[object]] = {name: [] for name in EXPORTS["features"].names}
    if not known:
        return pa.table(columns, schema=EXPORTS["features"])
    ages = (as_of_ms - stored.last_ms).tolist()
    features = sorted(layout.features, key=lambda each: (each.view, each.name, each.window_ms))
    values = stored.values(np.full(len(known), as_of_ms, np.int64), features)
    for row, (identifier, _) in enumerate(known):
        for feature, column in zip(features, values, strict=True):
            value = column[row]
            if value not in (None, 0, []) and ages[row] <= feature.ttl_ms:
                _add(columns, layout, identifier, as_of_ms - ages[row], feature, value)
    return pa.table(columns, schema=EXPORTS["features"])


def _add(
    columns: dict[str, list[object]], layout: EntityLayout, identifier: str, event_time_ms: int, feature: Feature,
    value: Value,
) -> None:  # fmt: skip
    number = value if isinstance(value, int) else None
    ratio = value if isinstance(value, float) else None
    text = None if isinstance(value, int | float) else msgspec.json.encode(value).decode()
    row = (
        layout.name, identifier.replace(US, "|"), feature.view, feature.name, feature.window, number, ratio, text,
        event_time_ms,
    )  # fmt: skip
    for held, each in zip(columns.values(), row, strict=True):
        held.append(each)
