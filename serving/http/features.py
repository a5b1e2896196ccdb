"""Features over HTTP: chosen by `view:name`, read with the answer's frame in one round trip."""

from collections.abc import Sequence
from itertools import repeat
from typing import Any, Final, NamedTuple

import msgspec

from schemas.errors import UsageError
from schemas.features.identity import entity_id
from schemas.features.layout import EntityLayout, Feature
from schemas.pseudonyms import Pseudonyms
from serving.feature_rows import Chosen, FeatureRow, feature_rows
from serving.features import FeatureState, feature_answers, feature_commands
from serving.generations import last_generation, saw_generation
from serving.http.problems import RequestError
from serving.http.store import AsyncStore, Seen

_CHOICES_KEPT: Final = 64
_NO_HINT: Final = "`interestream features list` tells which feature views there are."


class FeatureValue(msgspec.Struct, frozen=True, gc=False):
    """One feature of one entity; `status` is `ok`, `stale` or `missing`, `age_ms` that of the entity's newest event."""

    view: str
    name: str
    value: Any
    status: str
    age_ms: int | None = None


class Found(NamedTuple):
    """What was read: the features, and a row for each id, in the order of the ids."""

    seen: Seen
    chosen: Chosen
    rows: Sequence[FeatureRow]

    def told(self) -> list[list[FeatureValue]]:
        """Return each id's features by name."""
        views, labels = self.chosen.views, self.chosen.labels
        return [
            list(map(FeatureValue, views, labels, row.values, row.statuses, repeat(row.age_ms)))
            for row in self.rows
        ]


async def read_rows(
    store: AsyncStore, entity: str, ids: Sequence[str], features: Sequence[str] | None,
    pseudonyms: Pseudonyms | None = None,
) -> Found:  # fmt: skip
    """Return each id's features; an id of several fields has `+` between them.

    `features` are `view:name`, or `view` for all of one; None is all of the entity. Raises a problem for what is not kept.
    """
    names = entity.split("+")
    wanted = [each.split("+", len(names) - 1) for each in ids]
    if any(len(each) != len(names) for each in wanted):
        pseudonyms = None
    fields = [entity_id(each, pseudonyms, names) for each in wanted]
    try:
        seen, state, held = await _read(store, entity, fields)
        layout = state.layout(entity)
    except UsageError as error:
        raise RequestError(404, str(error), _NO_HINT) from error
    chosen = _choices.of(layout, None if features is None else tuple(features))
    return Found(seen, chosen, feature_rows(layout, held, chosen, state.as_of_ms))


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


def _named(features: Sequence[Feature], names: Sequence[str] | None) -> Sequence[Feature]:
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


class _Choices:
    """What was chosen of a layout lately: programs ask for the same again and again."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, tuple[str, ...] | None], tuple[EntityLayout, Chosen]] = {}

    def of(self, layout: EntityLayout, names: tuple[str, ...] | None) -> Chosen:
        """Return these features of a layout, all for None; raises a problem for what is not kept."""
        key = (id(layout), names)
        held = self._held.get(key)
        if held is None or held[0] is not layout:
            if len(self._held) >= _CHOICES_KEPT:
                self._held.clear()
            held = self._held[key] = (layout, Chosen(_named(layout.features, names)))
        return held[1]


_choices: Final = _Choices()
