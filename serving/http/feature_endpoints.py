"""`/v1/features/…` and Feast's `/get-online-features`: what is known about entities, from whatever stores it."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from serving.http.answers import Answer
from serving.http.endpoint import Asked, Endpoint, Nothing, Subject
from serving.http.features import FeatureValue, entity_of, read_values
from serving.http.parameters import Id
from serving.http.service import Service

Name = Annotated[str, Meta(min_length=1, max_length=256)]
Ids = Annotated[list[Id], Meta(min_length=1, max_length=1000)]
Names = Annotated[list[Name], Meta(min_length=1, max_length=1000)]
_PRESENT: Final = {"ok": "PRESENT", "stale": "OUTSIDE_MAX_AGE", "missing": "NOT_FOUND"}


class EntityPath(msgspec.Struct):
    """What is asked about."""

    entity: Annotated[
        str, Meta(min_length=1, max_length=256, description="The kind of entity, such as user.")
    ]
    id: Id


class EntityFeatures(msgspec.Struct):
    """One entity's features."""

    id: str
    features: list[FeatureValue]


class FeaturesAnswer(Answer, kw_only=True):
    """Features with what may be relied on of each: `ok`, `stale` or `missing`."""

    entity: str
    entities: list[EntityFeatures]


class BatchBody(msgspec.Struct, forbid_unknown_fields=True):
    """Many entities of one kind; `features` are `view:name`, all where there are none."""

    entity: Name
    ids: Ids
    features: Names | None = None


class OnlineBody(msgspec.Struct):
    """As Feast's clients ask: `view:name` of each feature, and ids by the name of their key."""

    features: Names
    entities: Annotated[
        dict[str, Annotated[list[str], Meta(min_length=1, max_length=1000)]], Meta(min_length=1, max_length=1)
    ]
    full_feature_names: bool = False


class FeatureNames(msgspec.Struct):
    """The names of what follows, in its order."""

    feature_names: list[str]


class FeatureColumn(msgspec.Struct):
    """One feature of every entity, in the order in which they were asked for."""

    values: list[Any]
    statuses: list[str]
    event_timestamps: list[str]


class OnlineAnswer(msgspec.Struct):
    """As Feast's feature server answers."""

    metadata: FeatureNames
    results: list[FeatureColumn]


async def one(asked: Asked[EntityPath, Nothing, None]) -> FeaturesAnswer:
    """Read all features of one entity."""
    return await _read(asked.service, asked.path.entity, [asked.path.id], None)


async def batch(asked: Asked[Nothing, Nothing, BatchBody]) -> FeaturesAnswer:
    """Read features of many entities in one round trip."""
    return await _read(asked.service, asked.body.entity, asked.body.ids, asked.body.features)


async def online(asked: Asked[Nothing, Nothing, OnlineBody]) -> OnlineAnswer:
    """Read features as Feast names and shapes them."""
    ((key, ids),) = asked.body.entities.items()
    found = await _read(asked.service, key.removesuffix("_id"), ids, asked.body.features)
    columns = zip(*(each.features for each in found.entities), strict=True)
    names = [each.name for each in found.entities[0].features]
    return OnlineAnswer(
        FeatureNames([key, *names]),
        [_column(ids, ["PRESENT"] * len(ids)), *(_feature_column(column) for column in columns)],
    )


def _feature_column(values: tuple[FeatureValue, ...]) -> FeatureColumn:
    return _column([each.value for each in values], [_PRESENT[each.status] for each in values])


def _column(values: list[Any], statuses: list[str]) -> FeatureColumn:
    return FeatureColumn(values, statuses, ["1970-01-01T00:00:00Z"] * len(values))


async def _read(service: Service, entity: str, ids: list[str], features: list[str] | None) -> FeaturesAnswer:
    stored = [service.stored_user(each) for each in ids] if entity_of(entity) == "user_id" else ids
    seen, found = await read_values(service.store, entity_of(entity), stored, features)
    held = [EntityFeatures(each, values) for each, values in zip(ids, found, strict=True)]
    return FeaturesAnswer(entity=entity, entities=held, **service.told(seen))


def whose(asked: Asked[EntityPath, Nothing, None]) -> Subject:
    """Return whose features are asked for."""
    return asked.path.entity, asked.path.id


def whose_batch(asked: Asked[Nothing, Nothing, BatchBody]) -> Subject | None:
    """Return whose features are asked for, if they are of one id."""
    ids = set(asked.body.ids)
    return (asked.body.entity, ids.pop()) if len(ids) == 1 else None


def whose_online(asked: Asked[Nothing, Nothing, OnlineBody]) -> Subject | None:
    """Return whose features are asked for, if they are of one id."""
    ((key, named),) = asked.body.entities.items()
    ids = set(named)
    return (key.removesuffix("_id"), ids.pop()) if len(ids) == 1 else None


FEATURES: Final = Endpoint(
    "GET", "/v1/features/{entity}/{id}", "features", "All features of one entity.",
    FeaturesAnswer, one, EntityPath, of_whom=whose,
)  # fmt: skip
FEATURES_BATCH: Final = Endpoint(
    "POST", "/v1/features/batch-get", "features_batch", "Features of many entities.",
    FeaturesAnswer, batch, body_type=BatchBody, of_whom=whose_batch,
)  # fmt: skip
ONLINE_FEATURES: Final = Endpoint(
    "POST", "/get-online-features", "online_features", "Features of many entities, as Feast shapes them.",
    OnlineAnswer, online, body_type=OnlineBody, of_whom=whose_online,
)  # fmt: skip
