"""What stored values say at a moment, as plain rows: the features of many entities, before anything names them."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeGuard

import numpy as np

from schemas.features.layout import EntityLayout, Feature
from schemas.features.values import Stored, Value
from schemas.keys import VERSION_BYTES

Status = Literal["ok", "stale", "missing"]


class FeatureRow(NamedTuple):
    """One entity: values and statuses in the order of the features; the rest None where nothing is known of it.

    `age_ms` is how long before the moment of reading its newest event was, `version` that of what is stored.
    """

    values: Sequence[Value]
    statuses: Sequence[Status]
    event_time_ms: int | None = None
    written_ms: int | None = None
    age_ms: int | None = None
    version: bytes = b""


class Chosen:
    """Some features of a kind of entity, and what follows from them, made once for many reads."""

    def __init__(self, features: Sequence[Feature]) -> None:
        self.features = tuple(features)
        self.views = [feature.view for feature in features]
        self.labels = [feature.label for feature in features]
        self.limits = _Limits([(feature.fresh_ms, feature.ttl_ms) for feature in features])


def feature_rows(
    layout: EntityLayout, held: Sequence[bytes | None], chosen: Chosen, at_ms: int
) -> list[FeatureRow]:
    """Return a row for each stored value, which has its version before it; None and tombstones say nothing.

    Cost: all entities at once, about 20 microseconds each for 50 features.
    """
    features, limits = chosen.features, chosen.limits
    known = [value for value in held if _says(value)]
    nothing = FeatureRow([None] * len(features), ["missing"] * len(features))
    if not known:
        return [nothing] * len(held)
    stored = Stored.read(layout, [value[VERSION_BYTES:] for value in known])
    columns = stored.values(np.full(len(known), at_ms, np.int64), features)
    values = zip(*columns, strict=True) if columns else [()] * len(known)
    told = zip(values, known, stored.last_ms.tolist(), stored.written_ms.tolist(), strict=True)
    rows = iter([_row(limits, each, value, last, written, at_ms) for each, value, last, written in told])
    return [next(rows) if _says(value) else nothing for value in held]


def _row(
    limits: "_Limits", values: Sequence[Value], stored: bytes, last_ms: int, written_ms: int, at_ms: int
) -> FeatureRow:
    age_ms = at_ms - last_ms
    statuses = limits.statuses(age_ms)
    if "missing" in statuses:
        values = [
            None if status == "missing" else value for value, status in zip(values, statuses, strict=True)
        ]
    return FeatureRow(values, statuses, last_ms, written_ms, max(age_ms, 0), stored[:VERSION_BYTES])


class _Limits:
    """How old each feature may be, and up to when none is anything but `ok`."""

    def __init__(self, each: Sequence[tuple[int, int]]) -> None:
        self._each = each
        self._all_ok: Final[Sequence[Status]] = ["ok"] * len(each)
        self._least_ms = min((min(pair) for pair in each), default=0)

    def statuses(self, age_ms: int) -> Sequence[Status]:
        """Return each feature's status at an age of the entity's newest event."""
        if age_ms <= self._least_ms:
            return self._all_ok
        return [
            "missing" if age_ms > ttl else "stale" if age_ms > fresh else "ok" for fresh, ttl in self._each
        ]


def _says(value: bytes | None) -> TypeGuard[bytes]:
    """Whether there is a record: a version alone is a tombstone."""
    return value is not None and len(value) > VERSION_BYTES
