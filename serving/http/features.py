"""Features over HTTP: chosen by `view:name`, read with the answer's frame in one round trip."""

from collections.abc import Sequence
from typing import Any

import msgspec

from schemas.errors import UsageError
from schemas.features.identity import entity_id
from schemas.features.layout import Feature
from serving.features import (
    EntityFeatures,
    FeatureState,
    evaluated,
    feature_answers,
    feature_commands,
)
from serving.generations import last_generation, saw_generation
from serving.http.problems import RequestError
from serving.http.store import AsyncStore, Seen

_NO_HINT = "`interestream features list` tells which feature views there are."


class FeatureValue(msgspec.Struct, frozen=True):
    """One feature of one entity; `status` is `ok`, `stale` or `missing`, `age_ms` that of the entity's newest event."""

    view: str
    name: str
    value: Any
    status: str
    age_ms: int | None = None


async def read_values(
    store: AsyncStore, entity: str, ids: Sequence[str], features: Sequence[str] | None
) -> tuple[Seen, list[list[FeatureValue]]]:
    """Return each id's features, in the order of the ids; an id of several fields has `+` between them.

    `features` are `view:name`, or `view` for all of one; None is all of the entity. Raises a problem for what is not kept.
    """
    wanted = [entity_id(each.split("+", entity.count("+"))) for each in ids]
    try:
        seen, state, held = await _read(store, entity, wanted)
        layout = state.layout(entity)
    except UsageError as error:
        raise RequestError(404, str(error), _NO_HINT) from error
    chosen = _chosen(list(layout.features), features)
    found = evaluated(layout, wanted, held, chosen, state.as_of_ms, state.version)
    return seen, [_told(each, chosen) for each in found]


async def _read(
    store: AsyncStore, entity: str, wanted: Sequence[str]
) -> tuple[Seen, FeatureState, list[bytes | None]]:
    """Read the state and the records of its generation; see `serving.features`."""
    while True:
        generation = last_generation(store.client, store.namespace)
        commands, places = feature_commands(store.namespace, entity, wanted, generation)
        seen = await store.ask_together(commands)
        state, held = feature_answers(seen.answers, places)
        if state.catalogue.generation == generation:
            return seen, state, held
        saw_generation(store.client, store.namespace, state.catalogue.generation)


def entity_of(name: str) -> str:
    """Return the entity by the name that fields give it: `user` is `user_id`, so is `user_id`.

    >>> entity_of("user"), entity_of("user_id+category_id")
    ('user_id', 'user_id+category_id')
    """
    return "+".join(part if part.endswith(("_id", "_source")) else f"{part}_id" for part in name.split("+"))


def _chosen(features: list[Feature], names: Sequence[str] | None) -> list[Feature]:
    if names is None:
        return features
    by_name: dict[str, list[Feature]] = {}
    for each in features:
        by_name.setdefault(each.view, []).append(each)
        by_name[f"{each.view}:{each.label}"] = [each]
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise RequestError(404, f"There is no feature {unknown[0]!r} of this entity.", _NO_HINT)
    return [each for name in names for each in by_name[name]]


def _told(found: EntityFeatures, chosen: Sequence[Feature]) -> list[FeatureValue]:
    names = [(each.view, each.label) for each in chosen]
    return [
        FeatureValue(
            view, label, found.values[f"{view}.{label}"], found.statuses[f"{view}.{label}"], found.age_ms
        )
        for view, label in names
    ]
