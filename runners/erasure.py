"""Erasing a user from features: what stands in Redis goes, and a tombstone keeps the user out from then on."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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
)

if TYPE_CHECKING:
    from transforms.io.redis_client import Client


def erase_user(client: "Client", namespace: str, user_id: str, clock: Callable[[], float] = time.time) -> int:
    """Erase a user; returns how many records went. Reads the ids of all pairs with users: minutes for a hundred million.

    The tombstone is written first, so that no job that starts meanwhile brings the user back.
    """
    redis: Any = client
    redis.hset(erased_key(namespace), user_id, int(clock() * 1000))
    held = redis.hget(features_key(namespace), CATALOGUE)
    layouts = decoded(held[VERSION_BYTES:]).entities if held else ()
    return sum(_erased_from(redis, namespace, layout, user_id) for layout in layouts)


def _erased_from(redis: Any, namespace: str, layout: EntityLayout, user_id: str) -> int:
    """Put tombstones, a version alone, in place of the records of a user in one kind of entity."""
    places = [place for place, name in enumerate(layout.entity) if name in PERSONAL]
    gone = 0
    for number in range(BUCKETS) if places else ():
        key = feature_bucket_key(namespace, layout.name, number)
        for field in redis.hkeys(key):
            parts = field.decode().split(US)
            if any(parts[place] == user_id for place in places):
                value = redis.hget(key, field)
                redis.hset(key, field, value[:VERSION_BYTES])
                gone += len(value) > VERSION_BYTES
    return gone
