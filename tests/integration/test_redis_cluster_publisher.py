"""The publisher on a real Redis Cluster: each node gets what is its own, and none loses anything unnoticed."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from killing import wait_until
from redis.cluster import ClusterNode
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis_cluster import Cluster, Node, redis_cluster

from runners.embedded_redis import open_redis
from schemas import keys
from schemas.keys import Version, mark_key, metric_key, pack, pack_version, unpack, window_index_key
from transforms.boards import Board, archived
from transforms.io.redis_cluster import one_key_a_node
from transforms.io.redis_publisher import RedisPublisher, RedisPublishers
from transforms.packed import Packed
from transforms.publish import Strays

KEYS = [metric_key("is", "e", "room", "minute", minute * 60_000) for minute in range(60)]
FIELDS = [f"room{number}" for number in range(30)]


def publisher(cluster: Cluster) -> RedisPublisher:
    return RedisPublishers(cluster.url, "is")()


def write(one: RedisPublisher, number: int) -> None:
    """Hand over a value for every field of every key."""
    for key in KEYS:
        one.set_newer(key, FIELDS, [pack(Version(1, number, 0), [number])] * len(FIELDS))


def held(cluster: Cluster) -> set[int]:
    """Return the values that the fields have; -1 where one is missing."""
    with cluster.client() as client:
        hashes: list[Any] = [client.hgetall(key) for key in KEYS]
    return {unpack(fields[name])[1][0] if (name := field.encode()) in fields else -1
            for fields in hashes for field in FIELDS}  # fmt: skip


@pytest.fixture
def one(cluster: Cluster) -> RedisPublisher:
    """A publisher whose first flush is done."""
    published = publisher(cluster)
    write(published, 1)
    published.flush()
    assert not published.lost()
    return published


def test_a_cluster_holds_what_one_server_holds(cluster: Cluster, tmp_path: Path) -> None:
    with open_redis(None, tmp_path) as store:
        for url in (cluster.url, store.url):
            one = RedisPublisher(RedisPublishers(url, "is"), lambda: 1_767_225_601.5)
            write(one, 2)
            one.flush()
            write(one, 1)
            one.add_windows(window_index_key("is", "minute"), range(0, 3_600_000, 60_000))
            one.progress({"watermark_ms": 7})
            one.set_once("is:{d:late}", ["digest"], [b"letter"])
            one.flush()
            assert one.refused() == len(KEYS) * len(FIELDS)
            assert one.epoch() == 6
        assert contents(store.client) == contents(cluster.client())
    assert all(node.ask("DBSIZE") for node in cluster.nodes)


def contents(client: Any) -> dict[bytes, bytes]:
    """Return every key but those of writers, with its value as the server writes it down."""
    return {key: _value(client, key) for key in client.scan_iter(count=1000) if b"writers" not in key}


def _value(client: Any, key: bytes) -> Any:
    kind = client.type(key)
    if kind == b"hash":
        return client.hgetall(key)
    return client.zrange(key, 0, -1, withscores=True) if kind == b"zset" else client.get(key)


@settings(deadline=None)
@given(st.text(min_size=1), st.integers(-1, 2**45))
def test_whatever_is_written_together_has_one_slot(text: str, start_ms: int) -> None:
    written = [
        keys.metric_key("is", "e", "room", "minute", start_ms),
        keys.attribution_key("is", "linear", "click_7d_view_1d", "day", start_ms),
        keys.touch_key("is", "hour", start_ms),
        keys.credit_key("is", keys.bucket(text)),
        keys.reconciliation_key("is", keys.bucket(text)),
        keys.dead_letter_key("is", "too_late"),
        keys.model_key("is"),
        keys.recommender_key("is", "u", text),
        keys.board_key("is", "e", "room", "hour", start_ms, "clicks"),
    ]
    for key in written:
        assert key_slot(key.encode()) == key_slot(mark_key(key).encode()), key


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, REDIS_CLUSTER_HASH_SLOTS - 1), unique=True, max_size=40))
def test_each_node_has_a_key_of_writers_however_slots_lie(edges: list[int]) -> None:
    bounds = [0, *sorted(edges), REDIS_CLUSTER_HASH_SLOTS]
    nodes = [ClusterNode("node", port) for port in range(len(bounds) - 1)]
    slots = {slot: [nodes[n]] for n in range(len(nodes)) for slot in range(bounds[n], bounds[n + 1])}
    chosen = one_key_a_node("is", slots)
    assert {slots[key_slot(key.encode())][0].name: key for key in chosen.values()} == chosen
    assert chosen.keys() == {node.name for node in nodes}


def test_a_slot_that_has_moved_is_written_where_it_is(one: RedisPublisher, cluster: Cluster) -> None:
    moved = [cluster.move(key) for key in KEYS[:3]]
    write(one, 2)
    one.flush()
    assert held(cluster) == {2}
    assert not one.lost(), "what has moved is not lost"
    assert [node.ask("HLEN", key) for node, key in zip(moved, KEYS, strict=False)] == [len(FIELDS)] * 3


def test_the_slot_of_a_key_of_writers_may_move(one: RedisPublisher, cluster: Cluster) -> None:
    """Its first node needs another key from then on; what moved is watched over where it is."""
    first = cluster.owner("is:writers")
    cluster.move("is:writers")
    for number in (2, 3):
        write(one, number)
        one.flush()
        assert not one.lost()
    for node in cluster.nodes:
        node.ask("FLUSHALL")
        one.look()
        assert one.lost(), f"the loss of {node.port}, where {first.port} had the key at first"
        write(one, 4)
        one.flush()


@pytest.mark.parametrize("writes", ["fields once", "fields if newer"])
def test_a_slot_in_the_middle_of_its_move_is_written_on_both_sides(
    writes: str, one: RedisPublisher, cluster: Cluster
) -> None:
    """One of two keys in it is at its new node, and a third is new; a script of two keys waits for both."""
    key = KEYS[0]
    letters = [f"is:{number}{key[key.index('{') :]}" for number in range(3)]
    if writes == "fields once":
        for letter in letters[:2]:
            one.set_once(letter, ["a"], [b"1"])
        one.flush()

    def publish() -> None:
        for letter in letters:
            one.set_once(letter, ["a"], [b"2"])
        if writes == "fields if newer":
            write(one, 2)
        one.flush()

    publishing = threading.Thread(target=publish, daemon=True)

    def midway() -> None:
        publishing.start()
        publishing.join(timeout=30 if writes == "fields once" else 0.4)
        assert publishing.is_alive() == (writes == "fields if newer"), (
            "only a script waits for the end of the move"
        )

    target = cluster.move(key, midway)
    publishing.join(timeout=30)
    assert not publishing.is_alive()
    assert held(cluster) == {2 if writes == "fields if newer" else 1}
    assert [target.ask("HGET", letter, "a") for letter in letters] == [b"2"] * 3
    assert not one.lost()


def test_a_node_that_lost_the_script_is_given_it_again(one: RedisPublisher, cluster: Cluster) -> None:
    cluster.nodes[1].ask("SCRIPT", "FLUSH")
    write(one, 2)
    one.flush()
    assert held(cluster) == {2}


ROOMS = [keys.board_key("is", "e", "room", "hour", hour * 3_600_000) for hour in range(30)]


def rank(one: RedisPublisher, number: int) -> None:
    """Hand over two boards for every hour."""
    boards = [Board("clicks", [b"r1", b"r2"], [number + 1, number]), Board("views", [b"r2"], [number])]
    for key in ROOMS:
        one.set_boards(key, pack_version(Version(1, number, 0)), boards)


def ranked(cluster: Cluster) -> set[tuple[Any, ...]]:
    """Return what the boards of an hour hold."""
    found = set()
    with cluster.client() as client:
        for key in ROOMS:
            sets: list[Any] = [
                client.zrange(f"{key}:{name}", 0, -1, withscores=True) for name in ("clicks", "views")
            ]
            found.add(tuple((*place,) for each in sets for place in each))
    return found


def places(number: int) -> set[tuple[Any, ...]]:
    return {((b"r2", number), (b"r1", number + 1), (b"r2", number))}


def test_boards_stand_on_every_node_and_outlive_moves_losses_and_older_writers(
    one: RedisPublisher, cluster: Cluster
) -> None:
    rank(one, 5)
    one.flush()
    assert ranked(cluster) == places(5)
    assert all(any(b":{b:" in key for key in node.ask("KEYS", "*")) for node in cluster.nodes)
    for key in ROOMS[:3]:
        cluster.move(key)
    cluster.nodes[1].ask("SCRIPT", "FLUSH")
    rank(one, 4)
    one.flush()
    assert (ranked(cluster), one.refused()) == (places(5), 2 * len(ROOMS))
    rank(one, 6)
    one.flush()
    assert ranked(cluster) == places(6)
    cluster.nodes[0].ask("FLUSHALL")
    one.look()
    assert one.lost()
    version = pack_version(Version(1, 6, 0))
    boards = [Board("clicks", [b"r1", b"r2"], [7, 6]), Board("views", [b"r2"], [6])]
    fields, values = archived(boards, version)
    one.refill([(key, Packed.of(fields), Packed.of(values)) for key in ROOMS])
    assert ranked(cluster) == places(6)


def test_boards_of_a_lost_stretch_are_deleted_on_every_node(one: RedisPublisher, cluster: Cluster) -> None:
    by_order_time = keys.board_key("is", "o", "room", "hour", 0)
    rank(one, 5)
    board = Board("refunds_by_order_time_minor", [b"r1"], [3])
    one.set_boards(by_order_time, pack_version(Version(1, 5, 8)), [board])
    one.flush()
    for sequence, left in ((8, 1), (7, 0)):
        one.forget_strays(1, Strays((), lambda *_: True, sequence, boards=("b:o",)))
        with cluster.client() as client:
            assert client.zcard(f"{by_order_time}:{board.metric}") == left
    assert ranked(cluster) == places(5)


def test_values_of_a_lost_stretch_are_deleted_on_every_node(one: RedisPublisher, cluster: Cluster) -> None:
    odd = Strays(("m",), lambda key, field: int(field.removeprefix("room")) % 2 == 1, 0)
    one.forget_strays(2, odd)
    assert held(cluster) == {1}, "written before"
    one.forget_strays(0, odd)
    with cluster.client() as client:
        left = {field for key in KEYS for field in client.hkeys(key)}
    assert left == {field.encode() for field in FIELDS[::2]}


@pytest.mark.parametrize("number", range(3))
def test_the_loss_of_any_node_is_noticed_once(number: int, one: RedisPublisher, cluster: Cluster) -> None:
    cluster.nodes[number].ask("FLUSHALL")
    one.look()
    assert one.lost()
    write(one, 2)
    one.flush()
    one.look()
    assert (one.lost(), held(cluster)) == (False, {2})


def test_a_loss_is_noticed_while_another_node_is_away(one: RedisPublisher, cluster: Cluster) -> None:
    """The answer of the one arrives, that of the other does not: the flush is sent for the second time."""
    empty, killed = cluster.nodes[0], cluster.nodes[2]
    empty.ask("FLUSHALL")
    killed.kill()
    write(one, 2)
    flushing = threading.Thread(target=one.flush, daemon=True)
    flushing.start()
    killed.start()
    flushing.join(60)
    assert (flushing.is_alive(), one.lost(), held(cluster)) == (False, True, {2})
    wait_until(cluster.is_whole, "a whole cluster")


def test_a_node_killed_again_and_again_loses_nothing(one: RedisPublisher, cluster: Cluster) -> None:
    numbers, killed = [1], []

    def kill() -> None:
        for node in cluster.nodes[:2]:
            before = len(numbers)
            wait_until(lambda before=before: len(numbers) > before + 5, "further flushes")
            node.kill()
            node.start()
            killed.append(node)
            wait_until(cluster.is_whole, "a whole cluster")

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    while killer.is_alive():
        write(one, numbers[-1] + 1)
        one.flush()
        numbers.append(numbers[-1] + 1)
    killer.join()
    assert killed == cluster.nodes[:2]
    assert (held(cluster), one.lost()) == ({numbers[-1]}, False)


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[tuple[Cluster, Node, Node]]:
    """A cluster, one of its nodes, and the replica of that."""
    with redis_cluster(tmp_path, log=False) as cluster:
        primary = cluster.others(cluster.owner("is:writers"))[0]
        replica = Node(tmp_path / "replica", log=False)
        replica.start()
        try:
            cluster.add_replica(replica, primary)
            yield cluster, primary, replica
        finally:
            replica.kill()


def test_a_replica_that_lagged_and_took_over_is_noticed(followed: tuple[Cluster, Node, Node]) -> None:
    cluster, primary, replica = followed
    one = publisher(cluster)
    write(one, 1)
    one.flush()
    wait_until(lambda: replica.ask("DBSIZE") == primary.ask("DBSIZE"), "a replica that has it all")
    replica.process.send_signal(signal.SIGSTOP)
    primary.ask("CLIENT", "KILL", "TYPE", "replica")
    write(one, 2)
    one.flush()
    assert not one.lost()
    primary.kill()
    replica.process.send_signal(signal.SIGCONT)
    write(one, 3)
    one.flush()
    assert (one.lost(), replica.ask("ROLE")[0]) == (True, b"master")
