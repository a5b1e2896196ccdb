"""Jobs, look-ups and streams on a Redis Cluster of three real nodes, also while it is disturbed."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from killing import wait_until
from rearranged import plain, with_refused
from redis_cluster import Cluster
from running import differing, exported, replayed
from streaming import free_port, platform_counts, redis_server

from runners.cli.app import main
from runners.embedded_redis import open_redis
from runners.job_sources import check_stream
from runners.job_store import JobStore
from schemas.errors import SourceError, StoreError, UsageError
from schemas.keys import metric_key, window_index_key
from serving.export import export
from transforms.io.publish import Clock, publish
from transforms.io.redis_stream import RedisStreamReader

EVENTS = 15_000
SETTINGS = {"allowed_lateness_ms": 60_000, "batch_rows": 100, "checkpoint_every_ms": 500}
"""Little lateness, so that most windows have been closed and forgotten by the time of a loss."""


@pytest.fixture(scope="module")
def events(generate: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    plain(with_refused(generate(EVENTS, 5.0).read_bytes().splitlines(keepends=True)), folder)
    return folder / "events.jsonl"


@pytest.fixture(scope="module")
def single(events: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory whose own server holds the figures, and their export."""
    home = tmp_path_factory.mktemp("single")
    replayed(home, events, settings=SETTINGS)
    exported(home)
    return home


def killed(cluster: Cluster) -> None:
    cluster.nodes[1].kill()
    cluster.nodes[1].start()


def emptied(cluster: Cluster) -> None:
    cluster.nodes[2].ask("FLUSHALL")


def resharded(cluster: Cluster) -> None:
    cluster.move(metric_key("is", "e", "platform", "total", -1))
    cluster.move(window_index_key("is", "minute"))
    cluster.move("is:progress")
    cluster.move("is:writers")


@contextmanager
def disturbed(cluster: Cluster, home: Path, *disturbances: Callable[[Cluster], None]) -> Iterator[None]:
    """Disturb a cluster once the job has figures there that it has forgotten; it must still be running then."""
    ended, done = threading.Event(), []

    def disturb() -> None:
        archive = home / "checkpoints" / "Figures-0.archive"
        with cluster.client() as client:
            wait_until(lambda: sum(platform_counts(client)) > 0, "the first figures")
        wait_until(lambda: archive.exists() and archive.stat().st_size > 0, "windows closed for good")
        for disturbance in disturbances:
            assert not ended.is_set(), "the job has ended before it was disturbed"
            disturbance(cluster)
            done.append(disturbance)

    thread = threading.Thread(target=disturb, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert tuple(done) == disturbances


def exported_from(cluster: Cluster, home: Path) -> Path:
    with open_redis(cluster.url, home) as store:
        export(store.client, out_dir=home / "export")
    return home / "export"


@pytest.mark.parametrize("disturbances", [(resharded, killed), (emptied,)], ids=lambda fs: fs[0].__name__)
def test_the_export_is_that_of_a_single_server(
    disturbances: tuple[Callable[[Cluster], None], ...],
    cluster: Cluster, events: Path, single: Path, tmp_path: Path,
) -> None:  # fmt: skip
    with disturbed(cluster, tmp_path, *disturbances):
        replayed(tmp_path, events, settings=SETTINGS | {"redis": cluster.url})
    wait_until(cluster.is_whole, "a whole cluster")
    assert differing(exported_from(cluster, tmp_path), single / "export") == []


LOOK_UPS = [
    ("metrics", "platform", "all", "--window", "day"),
    ("leaderboard", "item", "--k", "5"),
    ("attribution", "--model", "linear"),
    ("recommend", "nobody"),
    ("deadletters", "list"),
    ("deadletters", "show", "negative_amount", "--limit", "1000"),
]


@pytest.fixture
def found(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run a command and return what it finds."""

    def run(*words: object) -> Any:
        with pytest.raises(SystemExit) as ended:
            main([*map(str, words), "--json"])
        said = capsys.readouterr()
        assert not ended.value.code, said.err
        return json.loads(said.out)

    return run


def test_look_ups_find_on_a_cluster_what_they_find_on_a_server(
    cluster: Cluster, events: Path, single: Path, tmp_path: Path, found: Callable[..., Any]
) -> None:
    asked = {"settings": SETTINGS | {"redis": cluster.url}}
    replayed(tmp_path, events, **asked)
    assert replayed(tmp_path, events, **asked).nothing_to_do
    for words in LOOK_UPS:
        there, here = (found(*words, *place) for place in (("--redis", cluster.url), ("--data-dir", single)))
        assert there == here, words
    JobStore(cluster.client(), "is").clear()
    assert [key for node in cluster.nodes for key in node.ask("KEYS", "is:*")] == [b"is:epoch"]


def lines(first: int, last: int) -> list[bytes]:
    return [
        b'{"event_id":"%d","event_type":"follow","event_time":5,"user_id":"u"}' % n
        for n in range(first, last)
    ]


def test_a_stream_is_read_on_where_its_slot_has_moved(cluster: Cluster, tmp_path: Path) -> None:
    source = f"{cluster.url}?stream=events"
    check_stream(source)
    reader, read = RedisStreamReader(source, {}, 50), list[str]()

    def read_all(count: int) -> bool:
        if block := reader.read():
            read.extend(block.decoded.events["event_id"].to_pylist())
        return len(read) >= count

    with open_redis(cluster.url, tmp_path) as store:
        clock = Clock(time.monotonic, time.sleep)
        assert publish(store.client, "events", lines(0, 120), clock) == 120
        wait_until(lambda: read_all(120), "what was there before")
        cluster.move("events")
        assert publish(store.client, "events", lines(120, 200), clock) == 80
    wait_until(lambda: read_all(200), "what came after")
    assert read == [str(number) for number in range(200)]
    reader.close()


def test_a_node_is_not_taken_for_the_whole_cluster(cluster: Cluster, tmp_path: Path) -> None:
    node = f"redis://127.0.0.1:{cluster.nodes[0].port}/0"
    with pytest.raises(UsageError, match=r"redis\+cluster://"), open_redis(node, tmp_path):
        pass
    with pytest.raises(UsageError, match=r"redis\+cluster://"):
        check_stream(f"{node}?stream=events")


def test_one_named_node_that_answers_is_enough(cluster: Cluster, tmp_path: Path) -> None:
    url = f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{cluster.nodes[1].port}/0"
    with open_redis(url, tmp_path) as store:
        store.ensure()


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        (
            "redis+cluster://:secret@127.0.0.1:{port}/0",
            StoreError,
            r"No Redis answers at redis\+cluster://:\*\*\*@",
        ),
        ("redis+cluster://:secret@127.0.0.1:{port}/1", UsageError, "no database but 0"),
        ("redis+cluster:///0", UsageError, "HOST:PORT"),
        ("redis+cluster://127.0.0.1:{port},", UsageError, "HOST:PORT"),
        ("redis+cluster://127.0.0.1:port", UsageError, "--redis takes"),
    ],
)
def test_what_is_no_cluster_is_said(url: str, error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message) as said, open_redis(url.format(port=free_port()), tmp_path):
        pass
    assert "secret" not in str(said.value)


def test_a_lone_server_is_no_cluster(tmp_path: Path) -> None:
    with redis_server(tmp_path) as (url, _, _):
        cluster_url = url.replace("redis://", "redis+cluster://")
        with (
            pytest.raises(StoreError, match="Cluster mode is not enabled"),
            open_redis(cluster_url, tmp_path),
        ):
            pass
        with pytest.raises(SourceError, match="Cluster mode is not enabled"):
            check_stream(f"{cluster_url}?stream=events")
