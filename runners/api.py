"""The HTTP API over a Redis: opens its connections, and runs it beside or after other work."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from runners.embedded_redis import OpenRedis
from schemas.errors import UsageError
from serving.http.config import ServeConfig
from serving.http.line import Line, address_of
from serving.http.service import Service
from serving.http.store import AsyncStore
from serving.reader import Reader

if TYPE_CHECKING:
    from serving.http.store import AsyncClient

_CONNECTIONS: Final = 64
_START_S: Final = 30.0


def open_service(redis: OpenRedis, config: ServeConfig) -> Service:
    """Return the service of a server; connections are made with the first requests."""
    store = AsyncStore(open_async_client(redis.url), config.namespace, open_line(redis.url))
    return Service(config, store, lambda: Reader(redis.client, config.namespace))


def open_line(url: str) -> Line | None:
    """Return the quick way to a server; None to a cluster, by TLS, or with settings of a client in the URL."""
    from transforms.io.redis_url import is_cluster

    address = None if is_cluster(url) else address_of(url)
    return None if address is None else Line(address)


def open_async_client(url: str) -> "AsyncClient":
    """Return a client that does not wait, for a server or a Redis Cluster."""
    import redis.asyncio
    from redis.asyncio.cluster import ClusterNode, RedisCluster

    from transforms.io.redis_url import cluster_address, is_cluster

    if is_cluster(url):
        one, others = cluster_address(url)
        nodes = [ClusterNode(host, port) for host, port in others]
        return RedisCluster.from_url(one, startup_nodes=nodes or None)
    pool = redis.asyncio.BlockingConnectionPool.from_url(url, max_connections=_CONNECTIONS, timeout=10)
    return redis.asyncio.Redis(connection_pool=pool)


@contextmanager
def serving_beside(service: Service) -> Iterator[str]:
    """Answer requests from a thread while the context is open; gives the URL."""
    from serving.http.server import listen, server_of

    started = threading.Event()
    with listen(service.config) as opened:
        server = server_of(service, lambda _port: started.set())
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]}, name="api", daemon=True)
        thread.start()
        started.wait(_START_S)
        try:
            yield url_of(service.config, opened.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(_START_S)


def free_port(port: int) -> int:
    """Return a port of this machine if nobody listens there, else 0: any that is free."""
    from serving.http.server import listen

    try:
        listen(ServeConfig(port=port)).close()
    except UsageError:
        return 0
    return port


def url_of(config: ServeConfig, port: int) -> str:
    """Return where a server is reached.

    >>> url_of(ServeConfig(), 8765)
    'http://127.0.0.1:8765'
    """
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"http{'s' if config.certificate else ''}://{host}:{port}"
