"""A Redis Cluster as packed commands see it: each goes to the node that has the slot of its key."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import chain, count
from typing import Any, Final

from redis.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot
from redis.exceptions import AskError, MovedError

from schemas.keys import writers_key
from schemas.scripts import SCRIPTS
from transforms.io.redis_client import AWAY, node_at, open_cluster
from transforms.io.redis_exchange import Part, exchange, pack

_ASKING: Final = pack(("ASKING",))
_LOAD_SCRIPTS: Final = tuple(pack(("SCRIPT", "LOAD", script)) for script in SCRIPTS)

Slots = Mapping[int, list[ClusterNode]]
"""Which nodes have a slot: its primary, then replicas."""


class ClusterLink:
    """The nodes of a cluster; which has which slots is asked once, and again whenever it turns out wrong."""

    def __init__(self, url: str, **options: Any) -> None:
        self._url, self._options = url, options
        self._moved: list[MovedError] = []
        self._writers: dict[str, str] = {}
        self._writers_of: Slots | None = None

    @cached_property
    def client(self) -> RedisCluster:
        """The client for everything that is not packed; opening it takes one node that answers."""
        return open_cluster(self._url, **self._options)

    @property
    def _slots(self) -> Slots:
        return self.client.nodes_manager.slots_cache

    def _owner(self, key: str) -> ClusterNode:
        return self.client.nodes_manager.get_node_from_slot(key_slot(key.encode()))

    def _pool_of(self, node: ClusterNode) -> Any:
        return self.client.get_redis_connection(node).connection_pool

    def pool(self, key: str) -> Any:
        """Return the connections to the node that has a key."""
        return self._pool_of(self._owner(key))

    def send(self, commands: Sequence[bytes], keys: Sequence[str]) -> list[Any]:
        """Send to each node what is its own, to all of them before any answer is read."""
        nodes: dict[str, ClusterNode] = {}
        places: defaultdict[str, list[int]] = defaultdict(list)
        for place, key in enumerate(keys):
            node = self._owner(key)
            nodes[node.name] = node
            places[node.name].append(place)
        parts = {
            name: Part(self._pool_of(node), [commands[place] for place in places[name]])
            for name, node in nodes.items()
        }
        exchange([*parts.values()])
        answers: list[Any] = [None] * len(commands)
        for name, part in parts.items():
            _put(answers, places[name], part.answers)
        self._follow(commands, answers)
        self._moved = [answer for answer in answers if isinstance(answer, MovedError)]
        return answers

    def _follow(self, commands: Sequence[bytes], answers: list[Any]) -> None:
        """Send on what a node has handed over, in the middle of moving its slot, to the node that it names."""
        asked: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        for place, answer in enumerate(answers):
            if isinstance(answer, AskError) and not isinstance(answer, MovedError):
                asked[answer.node_addr].append(place)
        for address, places in asked.items():
            # A node that has no slot of its own yet was not given the scripts with the others.
            asking = chain.from_iterable((_ASKING, commands[place]) for place in places)
            part = Part(self._pool_of(node_at(*address)), [*_LOAD_SCRIPTS, *asking])
            exchange([part])
            _put(answers, places, part.answers[len(SCRIPTS) + 1 :: 2])

    def writers_keys(self, namespace: str) -> list[str]:
        """Return one key on each node that has slots."""
        moved = any(self._owner(key).name != name for name, key in self._writers.items())
        if moved or self._writers_of is not self._slots:
            self._writers_of = self._slots
            self._writers = one_key_a_node(namespace, self._slots)
        return [*self._writers.values()]

    def refresh(self) -> None:
        """Ask anew which node has which slots; what nodes themselves said of moved ones is newer than hearsay."""
        with suppress(*AWAY):
            named = [(node.host, node.port) for node in self.client.startup_nodes]
            self.client.nodes_manager.initialize(additional_startup_nodes_info=named)
        for moved in self._moved:
            self.client.nodes_manager.move_slot(moved)
        self._moved, self._writers_of = [], None

    def close(self) -> None:
        """Close all connections."""
        if "client" in self.__dict__:
            self.client.close()


def one_key_a_node(namespace: str, slots: Slots) -> dict[str, str]:
    """Return the first key of writers that each node has, by the node's name.

    >>> few, many = ClusterNode("few", 1), ClusterNode("many", 2)
    >>> one_key_a_node("is", {slot: [few if slot < 1000 else many] for slot in range(16384)})
    {'many:2': 'is:writers', 'few:1': 'is:writers:{10}'}
    """
    names = {nodes[0].name for nodes in slots.values() if nodes}
    chosen: dict[str, str] = {}
    numbers = count()
    while len(chosen) < len(names):
        key = writers_key(namespace, next(numbers))
        if nodes := slots.get(key_slot(key.encode())):
            chosen.setdefault(nodes[0].name, key)
    return chosen


def _put(answers: list[Any], places: Sequence[int], found: Sequence[Any]) -> None:
    for place, answer in zip(places, found, strict=True):
        answers[place] = answer
