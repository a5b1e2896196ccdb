"""A Redis Cluster of three real nodes on this machine, started and taken apart by hand: no tool beside redis-py."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from killing import wait_until
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from streaming import free_port

from runners.redis_server import candidates

NODES = 3
HOST = "127.0.0.1"
NODE_TIMEOUT_MS = 3000


@dataclass
class Node:
    """One server of a cluster, in a folder of its own; `log`: it keeps every write that it has confirmed."""

    folder: Path
    port: int = field(default_factory=free_port)
    bus_port: int = field(default_factory=free_port)
    log: bool = True

    def start(self) -> None:
        """Start it, again with everything that it had; it answers from here on, but may still be joining."""
        self.folder.mkdir(exist_ok=True)
        options: dict[str, Any] = {
            "port": self.port, "bind": HOST, "cluster-port": self.bus_port, "cluster-enabled": "yes",
            "cluster-node-timeout": NODE_TIMEOUT_MS, "cluster-replica-validity-factor": 0, "dir": self.folder,
            "save": "", "daemonize": "no", "appendonly": "yes" if self.log else "no",
        }  # fmt: skip
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [next(iter(candidates())), *words], stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self._answers, f"an answer of the node at {self.port}")

    def _answers(self) -> bool:
        with suppress(redis.RedisError):
            return bool(self.ask("PING"))
        return False

    def ask(self, *words: object) -> Any:
        """Send one command to this node and no other."""
        with redis.Redis(host=HOST, port=self.port, socket_timeout=10, protocol=2) as client:
            return client.execute_command(*words)

    @property
    def id(self) -> str:
        """Its name among the nodes."""
        return _text(self.ask("CLUSTER", "MYID"))

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.wait()


@dataclass
class Cluster:
    """Nodes that share the slots."""

    nodes: list[Node]

    @property
    def url(self) -> str:
        """Address of all of it."""
        return "redis+cluster://" + ",".join(f"{HOST}:{node.port}" for node in self.nodes)

    def client(self) -> redis.RedisCluster:
        """Return redis-py's own client, opened apart from the product."""
        return redis.RedisCluster(host=HOST, port=self.nodes[0].port)

    def owner(self, key: str) -> Node:
        """Return the node that has a key, as the nodes say."""
        for first, last, primary, *_ in self.nodes[0].ask("CLUSTER", "SLOTS"):
            if first <= key_slot(key.encode()) <= last:
                return next(node for node in self.nodes if node.port == primary[1])
        raise AssertionError(f"no node has the slot of {key}")

    def others(self, node: Node) -> list[Node]:
        """Return the nodes beside one."""
        return [other for other in self.nodes if other is not node]

    def empty(self) -> None:
        """Take everything out of it."""
        for node in self.nodes:
            node.ask("FLUSHALL")

    def is_whole(self) -> bool:
        """Whether every node knows all others and takes writes."""
        return all(_is_ready(node, len(self.nodes)) for node in self.nodes)

    def add_replica(self, replica: Node, primary: Node) -> None:
        """Let a further node follow one; returns once it has all that is there."""
        replica.ask("CLUSTER", "MEET", HOST, primary.port, primary.bus_port)
        wait_until(lambda: _is_ready(replica, len(self.nodes) + 1), "a node that knows all others")
        replica.ask("CLUSTER", "REPLICATE", primary.id)
        wait_until(lambda: replica.ask("ROLE")[3] == b"connected", "a replica that follows")

    def move(self, key: str, midway: Callable[[], None] = lambda: None) -> Node:
        """Move a key's slot, with all that is in it, to another node; `midway`, one key of it has been moved."""
        slot, source = key_slot(key.encode()), self.owner(key)
        target = self.others(source)[0]
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        self._move_keys(slot, source, target, 1)
        try:
            midway()
        finally:
            while self._move_keys(slot, source, target, 100):
                continue
            for node in (target, source):
                node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id)
        return target

    def _move_keys(self, slot: int, source: Node, target: Node, count: int) -> int:
        keys = source.ask("CLUSTER", "GETKEYSINSLOT", slot, count)
        if keys:
            source.ask("MIGRATE", HOST, target.port, "", 0, 5000, "KEYS", *keys)
        return len(keys)


def _is_ready(node: Node, nodes: int) -> bool:
    with suppress(redis.RedisError):
        told = dict(line.split(":") for line in _text(node.ask("CLUSTER", "INFO")).split())
        return (told["cluster_state"], told["cluster_known_nodes"]) == ("ok", str(nodes))
    return False


def _text(answer: Any) -> str:
    return answer.decode() if isinstance(answer, bytes) else str(answer)


@contextmanager
def redis_cluster(folder: Path, log: bool = True) -> Iterator[Cluster]:
    """Run a cluster while the context is open; it is up when it is given, in about two seconds."""
    cluster = Cluster([Node(folder / f"node{number}", log=log) for number in range(NODES)])
    try:
        for number, node in enumerate(cluster.nodes):
            node.start()
            first, after = (REDIS_CLUSTER_HASH_SLOTS * edge // NODES for edge in (number, number + 1))
            node.ask("CLUSTER", "ADDSLOTSRANGE", first, after - 1)
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            node.ask("CLUSTER", "MEET", HOST, cluster.nodes[0].port, cluster.nodes[0].bus_port)
        wait_until(cluster.is_whole, "a whole cluster")
        yield cluster
    finally:
        for node in cluster.nodes:
            with suppress(AttributeError):
                node.kill()
