"""Reading Redis in bulk: many keys in one round trip, one key a command, from a server or a Redis Cluster."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from schemas.errors import StoreError

if TYPE_CHECKING:
    import redis
    from redis.cluster import RedisCluster

    Client = redis.Redis | RedisCluster


@dataclass(frozen=True)
class Store:
    """One namespace of one Redis: where the results of one deployment stand."""

    client: "Client"
    namespace: str


KEYS_A_TRIP = 500
"""Bounds what one round trip holds in memory: 500 hashes of a minute's cells are a few megabytes."""

Command = tuple[Any, ...]


def read_each(store: Store, commands: Sequence[Command]) -> list[Any]:
    """Run read commands such as `("HGETALL", key)`; answers come in the same order.

    Raises StoreError if Redis is gone or a key holds another type than the layout says.
    """
    return [answer for answers in _trips(store, commands) for answer in answers]


def read_hashes(store: Store, keys: Sequence[str]) -> Iterator[dict[bytes, bytes]]:
    """Yield the whole hash of each key, empty for an absent one; memory is that of one round trip."""
    for answers in _trips(store, [("HGETALL", key) for key in keys]):
        yield from answers


def scan_keys(store: Store, prefix: str) -> list[str]:
    """Return the keys that start with a prefix, sorted; costs a walk over all keys of the database."""
    literal = "".join(f"[{char}]" if char in "*?[" else char for char in prefix)
    with store_errors():
        return sorted({key.decode() for key in store.client.scan_iter(match=f"{literal}*", count=10_000)})


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn the client's errors into the project's."""
    import redis
    from redis.exceptions import ClusterError, RedisClusterException

    try:
        yield
    except (redis.RedisError, RedisClusterException) as error:
        if isinstance(error, redis.ResponseError) and not isinstance(error, ClusterError):
            raise StoreError(
                f"Redis holds something that this program did not write: {error}. "
                "Look with another --redis, or clear this one."
            ) from error
        raise StoreError(f"Redis went away while it was read: {error}. Start it again and repeat.") from error


def _trips(store: Store, commands: Sequence[Command]) -> Iterator[list[Any]]:
    queue = iter(commands)
    while trip := list(islice(queue, KEYS_A_TRIP)):
        with store_errors():
            pipeline = store.client.pipeline(transaction=False)
            for command in trip:
                pipeline.execute_command(*command)
            answers = pipeline.execute()
        yield answers
