"""`/v1/features/…`: what is known about entities, from whatever stores it."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from serving.http.answers import Answer
from serving.http.endpoint import Asked, Endpoint, Nothing, Subject
from serving.http.features import FeatureValue, Found, entity_of, read_rows
from serving.http.parameters import Id
from serving.http.service import Service

Name = Annotated[str, Meta(min_length=1, max_length=256)]
Ids = Annotated[list[Id], Meta(min_length=1, max_length=1000)]
Names = Annotated[list[Name], Meta(min_length=1, max_length=1000)]


class EntityPath(msgspec.Struct):
    """What is asked about."""

    entity: Annotated[
        str, Meta(min_length=1, max_length=256, description="The kind of entity, such as user.")
    ]
    id: Id


class EntityFeatures(msgspec.Struct, gc=False):
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


async def one(asked: Asked[EntityPath, Nothing, None]) -> FeaturesAnswer:
    """Read all features of one entity."""
    return await _read(asked.service, asked.path.entity, [asked.path.id], None)


async def batch(asked: Asked[Nothing, Nothing, BatchBody]) -> FeaturesAnswer:
    """Read features of many entities in one round trip."""
    return await _read(asked.service, asked.body.entity, asked.body.ids, asked.body.features)


async def _read(service: Service, entity: str, ids: list[str], features: list[str] | None) -> FeaturesAnswer:
    found = await found_features(service, entity, ids, features)
    held = [EntityFeatures(each, values) for each, values in zip(ids, found.told(), strict=True)]
    return FeaturesAnswer(entity=entity, entities=held, **service.told(found.seen))


async def found_features(service: Service, entity: str, ids: list[str], features: list[str] | None) -> Found:
    """Read features of entities of one kind, users by what stands for them in Redis."""
    return await read_rows(service.store, entity_of(entity), ids, features, service.pseudonyms)


def whose(asked: Asked[EntityPath, Nothing, None]) -> Subject:
    """Return whose features are asked for."""
    return asked.path.entity, asked.path.id


def whose_batch(asked: Asked[Nothing, Nothing, BatchBody]) -> Subject | None:
    """Return whose features are asked for, if they are of one id."""
    ids = set(asked.body.ids)
    return (asked.body.entity, ids.pop()) if len(ids) == 1 else None


FEATURES: Final = Endpoint(
    "GET", "/v1/features/{entity}/{id}", "features", "All features of one entity.",
    FeaturesAnswer, one, EntityPath, of_whom=whose,
)  # fmt: skip
FEATURES_BATCH: Final = Endpoint(
    "POST", "/v1/features/batch-get", "features_batch", "Features of many entities.",
    FeaturesAnswer, batch, body_type=BatchBody, of_whom=whose_batch,
)  # fmt: skip
