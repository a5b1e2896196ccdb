"""Redis addresses: one server as redis-py writes it, a Redis Cluster as `redis+cluster://HOST:PORT[,HOST:PORT…]`.

>>> is_cluster("redis://localhost:6379/0"), is_cluster("rediss+cluster://node:7000")
(False, True)
>>> cluster_address("redis+cluster://user:secret@a:7000,b:7001/0?socket_timeout=5")
('redis://user:secret@a:7000/0?socket_timeout=5', [('b', 7001)])
"""

from typing import Final
from urllib.parse import urlsplit

SCHEMES: Final = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster")
CLUSTER: Final = "+cluster"
DEFAULT_PORT: Final = 6379


def is_cluster(url: str) -> bool:
    """Whether an address names a Redis Cluster."""
    return url.partition("://")[0].endswith(CLUSTER)


def cluster_address(url: str) -> tuple[str, list[tuple[str, int]]]:
    """Return the address of a cluster's first named node as redis-py takes it, and where the other named ones are.

    Any node that is up says where all are; several are named for when one is not. Raises ValueError for an
    address without a host, or with another database than 0: a cluster has one only.
    """
    parts = urlsplit(url)
    credentials, at, hosts = parts.netloc.rpartition("@")
    first, *others = hosts.split(",")
    if not all((first, *others)):
        raise ValueError("a cluster is named by HOST:PORT of one or more of its nodes")
    if parts.path.strip("/") not in ("", "0"):
        raise ValueError("a Redis Cluster has no database but 0")
    one = parts._replace(scheme=parts.scheme.removesuffix(CLUSTER), netloc=f"{credentials}{at}{first}")
    return one.geturl(), [_host_and_port(other) for other in others]


def _host_and_port(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "", parts.port or DEFAULT_PORT


def without_password(url: str) -> str:
    """Return an address that may be shown.

    >>> without_password("redis://user:secret@host:6379/0")
    'redis://user:***@host:6379/0'
    """
    head, at, tail = url.rpartition("@")
    scheme, separator, credentials = head.partition("://")
    if not at or ":" not in credentials:
        return url
    return f"{scheme}{separator}{credentials.partition(':')[0]}:***@{tail}"
