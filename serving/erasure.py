"""Erasing a user from features: what stands in Redis goes, and a tombstone keeps the user out from then on."""

import time
from collections.abc import Callable
from typing import Any

from schemas.features.identity import PERSONAL
from schemas.features.layout import EntityLayout, decoded
from schemas.keys import (
    BUCKETS,
    CATALOGUE,
    US,
    VERSION_BYTES,
    erased_key,
    feature_bucket_key,
    features_key,
    mark_key,
)
from schemas.scripts import BURY, TOMBSTONE
from serving.access import Store, store_errors


def erase_features(store: Store, user_id: str, clock: Callable[[], float] = time.time) -> int:
    """Erase a user; returns how many records went. Reads the ids of all pairs with users: minutes for a hundred million.

    The tombstone is written first, so that no job that starts meanwhile brings the user back.
    """
    redis: Any = store.client
    with store_errors():
        redis.hset(erased_key(store.namespace), user_id, int(clock() * 1000))
        held = redis.hget(features_key(store.namespace), CATALOGUE)
        if not held:
            return 0
        catalogue, gone = decoded(held[VERSION_BYTES:]), 0
        # Records of another set of views may still be there, or be there already.
        for generation in (catalogue.generation - 1, catalogue.generation + 1, catalogue.generation):
            gone = sum(
                _erased_from(redis, store.namespace, layout, generation, user_id)
                for layout in catalogue.entities
                if generation >= 0
            )
        return gone


def _erased_from(redis: Any, namespace: str, layout: EntityLayout, generation: int, user_id: str) -> int:
    """Put tombstones, which nothing is newer than, in place of the records of a user in one kind of entity."""
    places = [place for place, name in enumerate(layout.entity) if name in PERSONAL]
    gone = 0
    for number in range(BUCKETS) if places else ():
        key = feature_bucket_key(namespace, layout.name, number, generation)
        for field in redis.hkeys(key):
            parts = field.decode().split(US)
            if any(parts[place] == user_id for place in places):
                gone += bury(redis, key, field)
    return gone


def bury(client: Any, key: str, field: bytes | str) -> bool:
    """Put a tombstone, which nothing is newer than, in place of a field of a hash; returns whether it held anything."""
    return bool(client.eval(BURY, 2, key, mark_key(key), field, TOMBSTONE))
