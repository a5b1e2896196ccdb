"""The publisher on a real server: the newest value stays, and a server that dies in between loses nothing."""

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runners.embedded_redis import OpenRedis, open_redis
from runners.job_store import JobStore
from runners.redis_server import find_server
from schemas.changes import FIELD, KEPT
from schemas.errors import StoreError
from schemas.keys import (
    BOARDS,
    Version,
    board_key,
    changes_key,
    mark_key,
    pack,
    pack_version,
    snapshot_key,
    unpack,
    window_index_key,
)
from schemas.scripts import SET_NEWER
from transforms import checkpoints
from transforms.boards import Board, archived
from transforms.checkpoints import Checkpoints
from transforms.io import redis_publisher
from transforms.io.redis_publisher import RedisPublisher, RedisPublishers, on_lost
from transforms.packed import Packed


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenRedis]:
    with open_redis(None, tmp_path_factory.mktemp("data")) as opened:
        yield opened


@pytest.fixture
def client(store: OpenRedis) -> redis.Redis:
    store.ensure()
    store.client.flushdb()
    return store.client


def publisher(store: OpenRedis, job: str | None = None) -> RedisPublisher:
    return RedisPublishers(store.url, "is", job)()


_VERSIONS = st.builds(
    Version,
    st.sampled_from([0, 1, 2, 255, 256, 2**32 - 1]),
    st.sampled_from([0, 1, 255, 256, 1_767_225_600_000, 2**62]),
    st.sampled_from([0, 1, 2, 255, 256, 2**40, 2**64 - 1]),
)
_WRITES = st.lists(st.tuples(st.sampled_from(["", "a", "b", "店\x1f1"]), _VERSIONS), min_size=1, max_size=25)


def _without_repeats(writes: list[tuple[str, Version]]) -> list[dict[str, Version]]:
    """Cut writes into commands that name each field once, as they are made."""
    parts: list[dict[str, Version]] = [{}]
    for field, version in writes:
        if field in parts[-1]:
            parts.append({})
        parts[-1][field] = version
    return parts


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_WRITES, st.randoms(use_true_random=False), st.integers(1, 6))
def test_the_newest_stays_whatever_the_order_of_writes(
    store: OpenRedis, writes: list[tuple[str, Version]], shuffle: random.Random, batch: int
) -> None:
    """Versions compare as (epoch, as of, sequence); every write twice, in two orders, by two publishers."""
    store.client.delete("key")
    for one in (publisher(store), publisher(store)):
        shuffle.shuffle(writes)
        for begin in range(0, len(writes), batch):
            for part in _without_repeats(writes[begin : begin + batch]):
                one.set_newer("key", list(part), [pack(version, list(version)) for version in part.values()])
        one.flush()
    newest: dict[str, Version] = {}
    for field, version in writes:
        newest[field] = max(version, newest.get(field, version))
    held = {field.decode(): unpack(value) for field, value in store.client.hgetall("key").items()}
    assert held == {field: (version, list(version)) for field, version in newest.items()}


def _packed(parts: list[bytes]) -> Packed:
    return Packed(
        np.frombuffer(b"".join(parts) + b"after", np.uint8), np.cumsum([0, *map(len, parts)], dtype=np.int64)
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.dictionaries(st.text(max_size=12), st.tuples(_VERSIONS, st.binary(max_size=120)), min_size=1),
        max_size=5,
    )
)
def test_packed_writes_are_those_of_plain_lists(
    store: OpenRedis, writes: list[dict[str, tuple[Version, bytes]]]
) -> None:
    store.client.flushdb()
    plain, packed = publisher(store), publisher(store)
    for write in writes:
        fields = [field.encode() for field in write]
        values = [pack(version, body) for version, body in write.values()]
        plain.set_newer("{plain}", fields, values)
        packed.set_newer("{packed}", _packed([b"before", *fields])[1:], _packed(values))
    plain.flush()
    packed.flush()
    assert store.client.hgetall("{packed}") == store.client.hgetall("{plain}")
    assert store.client.get(mark_key("{packed}")) == store.client.get(mark_key("{plain}"))


@pytest.mark.parametrize("lost", ["mark", "hash", "neither"])
def test_an_older_value_is_refused_whatever_was_lost_beside_it(
    client: redis.Redis, store: OpenRedis, lost: str
) -> None:
    """A hash without its mark, as an earlier version of the program or an eviction leaves it, and a mark without."""
    one, key = publisher(store), "is:{m:e:room:total:-1}"
    one.set_newer(key, ["a"], [pack(Version(1, 7, 0), ["newest"])])
    one.flush()
    if lost != "neither":
        client.delete(mark_key(key) if lost == "mark" else key)
    for version in (5, 6, 5):
        one.set_newer(key, ["a", "b"], [pack(Version(1, version, 0), [version])] * 2)
        one.flush()
    held = {field: unpack(value)[1] for field, value in client.hgetall(key).items()}
    assert held == {b"a": [6] if lost == "hash" else ["newest"], b"b": [6]}
    one.set_newer(key, ["a"], [pack(Version(1, 8, 0), [8])])
    one.flush()
    assert unpack(client.hget(key, "a"))[1] == [8]


@pytest.fixture(scope="module")
def dictionary_order(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    """A server in a locale that orders text as dictionaries do, like most machines' own; built here, if it can be."""
    home, tool = tmp_path_factory.mktemp("locale"), shutil.which("localedef")
    made = tool and subprocess.run(
        [tool, "-i", "en_US", "-f", "UTF-8", home / "en_US.UTF-8"], check=False, capture_output=True
    )
    if not made or made.returncode:
        pytest.skip("localedef or its en_US source is not installed")
    program, socket = find_server(home), home / "s"
    environment = {**os.environ, "LOCPATH": str(home), "LC_ALL": "en_US.UTF-8"}
    command = [str(program), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(home)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as server:
        try:
            client = redis.Redis(unix_socket_path=str(socket))
            deadline = time.monotonic() + 30
            while not socket.exists():
                assert time.monotonic() < deadline, "the server did not start"
                time.sleep(0.02)
            yield client
        finally:
            server.terminate()


def test_versions_compare_by_their_bytes_in_any_locale(dictionary_order: redis.Redis) -> None:
    script, draw = dictionary_order.register_script(SET_NEWER), random.Random(1)
    for number in range(500):
        versions = [
            Version(draw.choice([1, 65, 97, 255]), draw.getrandbits(40), draw.getrandbits(20))
            for _ in range(2)
        ]
        for version in versions:
            value = pack(version, 0)
            script(keys=[f"key{number}", f"mark{number}"], args=[value[:20], value[:20], "field", value])
        assert unpack(dictionary_order.hget(f"key{number}", "field"))[0] == max(versions)


_BOARDS = st.dictionaries(
    st.sampled_from(["clicks", "views"]),
    st.dictionaries(st.binary(max_size=3), st.integers(1, 2**53), max_size=4),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(_VERSIONS, _BOARDS), min_size=1, max_size=8), st.integers(1, 4))
def test_boards_are_replaced_whole_unless_they_are_older(
    store: OpenRedis, writes: list[tuple[Version, dict[str, dict[bytes, int]]]], batch: int
) -> None:
    store.client.flushdb()
    one, key = publisher(store), board_key("is", "e", "room", "hour", 0)
    held: dict[str, dict[bytes, int]] = {}
    newest, refused = Version(-1, 0, 0), 0
    for number, (version, boards) in enumerate(writes, start=1):
        places = [Board(metric, [*ids], [*ids.values()]) for metric, ids in boards.items()]
        one.set_boards(key, pack_version(version), places)
        if version >= newest:
            held, newest = held | boards, version
        else:
            refused += len(boards)
        if number % batch == 0:
            one.flush()
    one.flush()
    for metric in ("clicks", "views"):
        found = dict(store.client.zrange(f"{key}:{metric}", 0, -1, withscores=True))
        assert found == held.get(metric, {})
    assert (store.client.get(mark_key(key)), one.refused()) == (pack_version(newest), refused)


def test_archived_boards_replace_those_of_an_old_copy(client: redis.Redis, store: OpenRedis) -> None:
    """A store that came back from an old copy has a board that is empty by now."""
    one, key = publisher(store), board_key("is", "e", "room", "hour", 0)
    one.set_boards(
        key, pack_version(Version(1, 1, 1)), [Board("clicks", [b"a"], [1]), Board("views", [b"a"], [9])]
    )
    one.flush()
    fields, values = archived(
        [Board("clicks", [], []), Board("views", [b"\x1f"], [2**60])], pack_version(Version(1, 2, 2))
    )
    one.refill([(key, Packed.of(fields), Packed.of(values))])
    assert client.keys("is:{b:*") == [f"{key}:views".encode()]
    assert client.zrange(f"{key}:views", 0, -1, withscores=True) == [(b"\x1f", float(2**60))]


def test_boards_after_a_checkpoint_are_deleted_by_the_epoch_of_their_mark(
    client: redis.Redis, store: OpenRedis
) -> None:
    one, keys = publisher(store), [board_key("is", "e", "room", "hour", hour) for hour in range(4)]
    for epoch, key in enumerate(keys):
        one.set_boards(
            key,
            pack_version(Version(epoch, 0, 0)),
            [Board("clicks", [b"a"], [1]), Board("views", [b"a"], [1])],
        )
    one.set_newer(snapshot_key("is"), [BOARDS], [pack_version(Version(3, 0, 0))])
    one.flush()
    assert JobStore(client, "is").forget_after(1) == 4
    left = {key.decode().rpartition(":")[0] for key in client.keys("is:{b:*")}
    assert left == set(keys[:2])
    assert not client.hexists(snapshot_key("is"), BOARDS), (
        "readers rank the cells until boards are written again"
    )


def test_a_whole_command_of_a_thousand_fields_is_one_write(client: redis.Redis, store: OpenRedis) -> None:
    one, fields = publisher(store), [f"f{n}" for n in range(1000)]
    one.set_newer("key", fields, [pack(Version(1, 2, n), [n]) for n in range(1000)])
    assert not client.exists("key"), "nothing is sent before it is flushed"
    one.flush()
    one.flush()
    assert client.hlen("key") == 1000


def test_every_kind_of_write_arrives(client: redis.Redis, store: OpenRedis) -> None:
    one = publisher(store)
    one.set_once("letters", ["a"], [b"\x00\xff"])
    one.add_windows(window_index_key("is", "hour"), [3_600_000, -1])
    one.progress({"watermark_ms": 5})
    one.flush()
    assert client.hget("letters", "a") == b"\x00\xff"
    assert client.zrange("is:{w:hour}", 0, -1, withscores=True) == [(b"-1", -1.0), (b"3600000", 3_600_000.0)]
    assert client.hgetall("is:progress") == {b"watermark_ms": b"5"}


def test_a_server_that_lost_the_script_is_given_it_again(client: redis.Redis, store: OpenRedis) -> None:
    one = publisher(store)
    one.set_newer("key", ["a"], [pack(Version(1, 0, 0), [1])])
    one.flush()
    client.script_flush()
    one.set_newer("key", ["a"], [pack(Version(2, 0, 0), [2])])
    one.flush()
    assert unpack(client.hget("key", "a"))[1] == [2]


def test_a_connection_lost_while_the_script_is_given_again_is_tried_again(
    client: redis.Redis, store: OpenRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = publisher(store)
    one.set_newer("key", ["a"], [pack(Version(1, 0, 0), [1])])
    client.script_flush()
    load, failures = (
        redis.Redis.script_load,
        [redis.ConnectionError("gone"), redis.BusyLoadingError("loading")],
    )

    def failing(self: redis.Redis, script: str) -> object:
        if failures:
            raise failures.pop()
        return load(self, script)

    monkeypatch.setattr(redis.Redis, "script_load", failing)
    one.flush()
    assert client.hexists("key", "a")
    assert not failures


def test_what_the_server_refuses_is_an_error_and_not_tried_for_ever(
    client: redis.Redis, store: OpenRedis
) -> None:
    client.set("key", "no hash")
    one = publisher(store)
    one.set_once("key", ["a"], [b"1"])
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        one.flush()


def test_a_server_without_room_is_an_error_that_says_what_to_do(
    client: redis.Redis, store: OpenRedis
) -> None:
    one = publisher(store)
    client.config_set("maxmemory", 1)
    try:
        one.set_once("key", ["a"], [b"1"])
        with pytest.raises(StoreError, match="Make room"):
            one.flush()
    finally:
        client.config_set("maxmemory", 0)
    one.flush()
    assert client.hget("key", "a") == b"1"


def test_a_server_away_for_too_long_is_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_publisher, "_PATIENCE_S", 0.1)
    one = RedisPublishers(f"unix://{tmp_path}/nobody.sock", "is")()
    one.set_once("key", ["a"], [b"1"])
    with pytest.raises(StoreError, match=r"nobody\.sock"):
        one.flush()


def test_a_server_killed_again_and_again_loses_nothing(
    client: redis.Redis, store: OpenRedis, tmp_path: Path
) -> None:
    """Killed with SIGKILL while values are being written; started again by the publisher itself."""
    job = Checkpoints(tmp_path, "killed")
    checkpoints.activate("killed", job)
    on_lost("killed", store.ensure)
    stop, kills = threading.Event(), []

    def kill() -> None:
        while not stop.wait(0.15):
            try:
                pid = int(store.client.info("server")["process_id"])
                os.kill(pid, signal.SIGKILL)
                kills.append(pid)
            except (redis.RedisError, ProcessLookupError):
                continue

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        one = publisher(store, "killed")
        rounds = 0
        while rounds < 20 or (len(kills) < 3 and rounds < 400):
            rounds += 1
            for key in range(20):
                fields = [f"f{n}" for n in range(200)]
                value = pack(Version(one.epoch(), 0, rounds), [rounds])
                one.set_newer(f"key{key}", fields, [value] * 200)
            one.flush()
    finally:
        stop.set()
        killer.join()
        on_lost("killed", None)
        checkpoints.deactivate("killed")
    store.ensure()
    assert len(kills) >= 3
    for key in range(20):
        held = {unpack(value)[1][0] for value in store.client.hvals(f"key{key}")}
        assert (held, store.client.hlen(f"key{key}")) == ({rounds}, 200)


def test_news_comes_behind_the_figures_it_tells_of_and_few_entries_stay(tmp_path: Path) -> None:
    with open_redis(None, tmp_path) as store:
        publisher = RedisPublishers(store.url, "is")()
        for number in range(3 * KEPT):
            publisher.announce(changes_key("is"), b"%d" % number)
        publisher.flush()
        length = store.client.xlen(changes_key("is"))
        assert KEPT <= length < 1.1 * KEPT
        [(_, fields)] = store.client.xrevrange(changes_key("is"), count=1)
        assert fields == {FIELD.encode(): b"%d" % (3 * KEPT - 1)}
