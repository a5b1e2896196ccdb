"""Features of entities as of a moment: one round trip for any number of entities, then sums over what came back.

A value is `ok`, `stale` where the entity's newest event is older than the view's freshness, and `missing` where it is
older than the view's time to live, or where nothing is known. Cost: 100 entities of 50 features in a few milliseconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from schemas.errors import UsageError
from schemas.features.identity import entity_id
from schemas.features.layout import Catalogue, EntityLayout, Feature, ViewInfo, decoded
from schemas.features.values import Value
from schemas.keys import (
    AS_OF,
    BACKFILL,
    CATALOGUE,
    FRESHNESS,
    US,
    VERSION_BYTES,
    feature_key,
    features_key,
    unpack_version,
)
from serving.access import Store, read_each
from serving.feature_rows import Chosen, Status, feature_rows
from serving.generations import last_generation, saw_generation

if TYPE_CHECKING:
    from serving.served_log import ServedLog


@dataclass(frozen=True)
class FeatureState:
    """The views that are kept, the newest event time in them, and how old events are when they can be read."""

    catalogue: Catalogue
    as_of_ms: int
    freshness_ms: tuple[int, int] | None
    """Half of the values, and 99 of 100, could be read so soon after their event when they were last written."""
    version: bytes
    """The version under which `as_of_ms` was written."""
    backfilled: tuple[str, ...] = ()
    """The views that are being backfilled beside the job and cannot be read yet."""

    def layout(self, entity: str) -> EntityLayout:
        """Return the layout of a kind of entity; raises UsageError where no view is of it."""
        for layout in self.catalogue.entities:
            if layout.name == entity:
                return layout
        known = ", ".join(layout.name for layout in self.catalogue.entities)
        raise UsageError(f"No feature view is of {entity!r}. There are views of {known or 'nothing'}.")

    def view(self, name: str) -> ViewInfo:
        """Return what is told of a view; raises UsageError for a name that does not exist."""
        for view in self.catalogue.views:
            if view.name == name:
                return view
        if name in self.backfilled:
            raise UsageError(
                f"The feature view {name!r} is missing: it is being backfilled. Start the job again with it afterwards."
            )
        known = ", ".join(view.name for view in self.catalogue.views)
        raise UsageError(f"There is no feature view {name!r}. There are {known or 'none'}.")


@dataclass(frozen=True)
class EntityFeatures:
    """What is known of one entity; `values` and `statuses` by view and feature, as `user_activity.views_1h`."""

    ids: tuple[str, ...]
    values: dict[str, Value]
    statuses: dict[str, Status]
    event_time_ms: int | None
    written_ms: int | None
    watermark_ms: int | None
    age_ms: int | None
    """How long before the moment of reading its newest event was."""
    whole: bool = True
    """Whether it was not written after what the moment was taken from: False only in the middle of a write."""


def read_feature_state(store: Store) -> FeatureState:
    """Return what is told of all features; one round trip. Raises UsageError where the job keeps none."""
    [told] = read_each(store, [_state_command(store.namespace)])
    return _state(told)


def read_features(
    store: Store,
    entity: str,
    ids: Iterable[Sequence[str]],
    views: Sequence[str] = (),
    at_ms: int | None = None,
    log: "ServedLog | None" = None,
) -> list[EntityFeatures]:
    """Return the features of entities of one kind, named as `user_id` or `user_id+category_id`, in the order given.

    `ids` has the ids of each, one a field; `views` chooses, empty: all of the entity. `at_ms` is in event time, by
    default that of the newest event, since a replay passes days in a second. `log` takes a sample of what was read.
    """
    wanted = [entity_id(each) for each in ids]
    state, held = _read(store, entity, wanted)
    named = [state.view(name) for name in views]
    layout = state.layout(entity)
    chosen = chosen_features(layout, named)
    at_ms = state.as_of_ms if at_ms is None else at_ms
    found = evaluated(layout, wanted, held, chosen, at_ms, state.version)
    if log is not None:
        log.take(layout.entity, found, at_ms, state.as_of_ms)
    return found


def _read(store: Store, entity: str, wanted: Sequence[str]) -> tuple[FeatureState, list[bytes | None]]:
    """Read the state and the records of its generation: one round trip, two where the views were changed since the last."""
    while True:
        generation = last_generation(store.client, store.namespace)
        commands, places = feature_commands(store.namespace, entity, wanted, generation)
        state, held = feature_answers(read_each(store, commands), places)
        if state.catalogue.generation == generation:
            return state, held
        saw_generation(store.client, store.namespace, state.catalogue.generation)


def feature_commands(
    namespace: str, entity: str, ids: Sequence[str], generation: int
) -> tuple[list[tuple[Any, ...]], list[list[int]]]:
    """Return what reads the state and these entities in one trip, and which ids each command behind the first names.

    Records of another generation than that of the state that is answered mean nothing by it.
    """
    buckets: dict[str, list[int]] = {}
    for place, identifier in enumerate(ids):
        buckets.setdefault(feature_key(namespace, entity, identifier, generation), []).append(place)
    commands = [("HMGET", key, *(ids[place] for place in places)) for key, places in buckets.items()]
    return [_state_command(namespace), *commands], list(buckets.values())


def feature_answers(
    answers: Sequence[Any], places: Sequence[Sequence[int]]
) -> tuple[FeatureState, list[bytes | None]]:
    """Return the state, and the record of each id; raises UsageError where the job keeps no features."""
    told, *found = answers
    held: list[bytes | None] = [None] * sum(map(len, places))
    for named, values in zip(places, found, strict=True):
        for place, value in zip(named, values, strict=True):
            held[place] = value
    return _state(told), held


def chosen_features(layout: EntityLayout, views: Sequence[ViewInfo]) -> list[Feature]:
    """Return the features of some views, all for none; raises UsageError for a view of another entity."""
    for view in views:
        if view.entity != layout.entity:
            raise UsageError(f"The view {view.name!r} is of {'+'.join(view.entity)}, not of {layout.name}.")
    names = {view.name for view in views}
    return [feature for feature in layout.features if not names or feature.view in names]


def evaluated(
    layout: EntityLayout,
    ids: Sequence[str],
    held: Sequence[bytes | None],
    features: Sequence[Feature],
    at_ms: int,
    newest: bytes = b"",
) -> list[EntityFeatures]:
    """Return what stored values say at a moment, by name; see `feature_rows`."""
    labels, rows = labels_of(features), feature_rows(layout, held, Chosen(features), at_ms)
    # Most rows share their statuses: one dictionary is copied, which is faster than making each anew.
    shared = {id(row.statuses): row.statuses for row in rows}
    told = {which: dict(zip(labels, statuses, strict=True)) for which, statuses in shared.items()}
    return [
        EntityFeatures(
            _split(identifier), dict(zip(labels, row.values, strict=True)), told[id(row.statuses)].copy(),
            row.event_time_ms, row.written_ms, unpack_version(row.version).as_of_ms if row.version else None,
            row.age_ms, not newest or row.version <= newest,
        )
        for identifier, row in zip(ids, rows, strict=True)
    ]  # fmt: skip


def labels_of(features: Sequence[Feature]) -> list[str]:
    """Return the names of features with those of their views."""
    return [f"{feature.view}.{feature.label}" for feature in features]


def _split(identifier: str) -> tuple[str, ...]:
    return tuple(identifier.split(US))


_FIELDS: Final = (CATALOGUE, AS_OF, FRESHNESS, BACKFILL)


def _state_command(namespace: str) -> tuple[Any, ...]:
    return ("HMGET", features_key(namespace), *_FIELDS)


def _state(told: Sequence[bytes | None]) -> FeatureState:
    catalogue, as_of, freshness, backfill = (value and value[VERSION_BYTES:] for value in told)
    if not catalogue or not as_of:
        raise UsageError("No feature views are kept here. Run the job without --no-features.")
    ages = msgspec.msgpack.decode(freshness, type=tuple[int, int]) if freshness else None
    version = (told[1] or b"")[:VERSION_BYTES]
    names = msgspec.msgpack.decode(backfill, type=tuple[str, ...]) if backfill else ()
    return FeatureState(_told.of(catalogue), msgspec.msgpack.decode(as_of, type=int), ages, version, names)


class _Told:
    """The catalogue that was told last: it is the same to most reads, and long."""

    def __init__(self) -> None:
        self._text, self._catalogue = b"", Catalogue()

    def of(self, text: bytes) -> Catalogue:
        """Return what a text holds."""
        if text != self._text:
            self._text, self._catalogue = text, decoded(text)
        return self._catalogue


_told: Final = _Told()
