"""Reading Redis in bulk: many keys in one round trip, one key a command, from a server or a Redis Cluster."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from schemas.errors import StoreError
from schemas.keys import BEGIN, END, VERSION_BYTES, snapshot_key, unpack_version

if TYPE_CHECKING:
    import redis
    from redis.cluster import RedisCluster

    Client = redis.Redis | RedisCluster


_TRIES: Final = 40
_PAUSE_S: Final = 0.005


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


@dataclass(frozen=True)
class Together:
    """Answers that belong together: figures of one moment if `whole`, true as of that event time."""

    answers: list[Any]
    as_of_ms: int | None
    whole: bool


def read_together(store: Store, commands: Sequence[Command]) -> Together:
    """Run read commands so that all figures in the answers are of one published moment.

    The job writes a moment's figures between two marks; where they differ, or change while we read, all is read
    again after a pause, in all for up to four seconds. `whole` is False if that did not help: the job was killed
    in the middle of a write and has not gone on since. One round trip for up to 498 commands, three to a cluster,
    whose nodes answer in any order.
    """
    key = snapshot_key(store.namespace)
    framed = [[("HGET", key, END)], commands, [("HGET", key, BEGIN)]]
    parts = framed if _is_cluster(store) else [list(chain(*framed))]
    for attempt in range(_TRIES):
        end, *answers, begin = [answer for part in parts for answer in read_each(store, part)]
        if begin == end:
            break
        time.sleep(_PAUSE_S * (1 + attempt))
    as_of = unpack_version(end).as_of_ms if end and len(end) >= VERSION_BYTES else None
    return Together(answers, as_of, begin == end)


def _is_cluster(store: Store) -> bool:
    return hasattr(store.client, "nodes_manager")


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
