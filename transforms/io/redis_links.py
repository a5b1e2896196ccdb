"""Where packed commands go: to a server over one connection, or to each node of a cluster over its own.

redis-py's own packing costs five times as much, and its pipelines to a cluster send what failed one by one.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from schemas.keys import writers_key
from transforms.io.redis_client import Client, open_server
from transforms.io.redis_cluster import ClusterLink
from transforms.io.redis_exchange import Part, exchange
from transforms.io.redis_url import is_cluster


class Link(Protocol):
    """A server, or a cluster of them, for those who speak to it in packed commands."""

    @property
    def client(self) -> Client:
        """The client for everything else."""

    def pool(self, key: str) -> Any:
        """Return the connections to the server that has a key."""

    def send(self, commands: Sequence[bytes], keys: Sequence[str]) -> list[Any]:
        """Send commands in order, each with the key that it names; returns their answers, failures among them."""

    def writers_keys(self, namespace: str) -> list[str]:
        """Return keys of writers, so that every server that can lose something has one."""

    def refresh(self) -> None:
        """Find out anew which server has which keys."""

    def close(self) -> None:
        """Close all connections."""


def open_link(url: str, **options: Any) -> Link:
    """Return a link to what an address names, connected with the first use; options are those of `open_client`."""
    return ClusterLink(url, **options) if is_cluster(url) else ServerLink(url, **options)


class ServerLink:
    """One server that has all keys."""

    def __init__(self, url: str, **options: Any) -> None:
        self.client = open_server(url, **options)

    def pool(self, key: str) -> Any:  # noqa: ARG002
        """Return the connections to the server."""
        return self.client.connection_pool

    def send(self, commands: Sequence[bytes], keys: Sequence[str]) -> list[Any]:  # noqa: ARG002
        """Send all of it over one connection."""
        part = Part(self.client.connection_pool, commands)
        exchange([part])
        return part.answers

    def writers_keys(self, namespace: str) -> list[str]:
        """Return the one key."""
        return [writers_key(namespace)]

    def refresh(self) -> None:
        """Nothing moves."""

    def close(self) -> None:
        """Close all connections."""
        self.client.close()
