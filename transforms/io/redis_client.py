"""Opening Redis by its address: a server or a Redis Cluster, with the same commands."""

from typing import Any, Final

import redis
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import (
    AskError,
    ClusterError,
    ConnectionError,
    OutOfMemoryError,
    RedisClusterException,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from schemas.errors import StoreError, UsageError
from transforms.io.redis_url import cluster_address, is_cluster, without_password

Client = redis.Redis | RedisCluster

AWAY: Final = (
    ConnectionError, TimeoutError, ClusterError, AskError, TryAgainError, RedisClusterException,
)  # fmt: skip
"""What passes by itself: nobody answers, data is being loaded, a cluster elects a node or moves slots."""

FAILURES: Final = (redis.RedisError, RedisClusterException)
"""Whatever a client raises; redis-py's errors of a cluster are not among its others."""


_DISK_FULL: Final = "MISCONF"
"""How a server begins to say that it cannot write to its disk."""


def raise_if_full(error: ResponseError, url: str) -> None:
    """Raise StoreError where a server refuses writes for want of room, which does not pass by itself."""
    if isinstance(error, OutOfMemoryError) or str(error).startswith(_DISK_FULL):
        raise StoreError(
            f"Redis at {without_password(url)} has no room for more: {error}. Make room on its disk, or raise its "
            "maxmemory, and run the same command again: it goes on where it was."
        ) from error


def open_client(url: str, **options: Any) -> Client:
    """Return a client for what an address names; `options` are those of redis-py's connections.

    A server is connected to with the first command, a cluster at once. Raises ValueError for a URL that is none,
    and RedisClusterException where no node of a cluster answers.
    """
    return open_cluster(url, **options) if is_cluster(url) else open_server(url, **options)


def open_server(url: str, **options: Any) -> redis.Redis:
    """Return a client of one server; see `open_client`."""
    return redis.Redis.from_url(url, **options)


def open_cluster(url: str, **options: Any) -> RedisCluster:
    """Return a client of a cluster; see `open_client`."""
    one, others = cluster_address(url)
    return RedisCluster.from_url(one, startup_nodes=[node_at(*other) for other in others], **options)


def node_at(host: str, port: int) -> ClusterNode:
    """Return a node by its address, whether it is known to a cluster or not."""
    return ClusterNode(host, port)  # type: ignore[no-untyped-call]


def refuse_lone_node(client: Client, url: str) -> None:
    """Raise UsageError where a server turns out to be one node of a cluster, which takes its own keys only.

    Costs nothing once connected: a server says it in its greeting.
    """
    if isinstance(client, RedisCluster):
        return
    connection: Any = client.connection_pool.get_connection()
    try:
        greeting = connection.handshake_metadata or {}
    finally:
        client.connection_pool.release(connection)
    if greeting.get(b"mode") == b"cluster":
        raise UsageError(
            f"{without_password(url)} is one node of a Redis Cluster. "
            "Name the cluster: redis+cluster://HOST:PORT, or rediss+cluster:// with TLS."
        )
