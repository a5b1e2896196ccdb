"""Events on a Redis stream through the live pipeline: nothing lost, and the figures of a replay of the same file."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import redis
from killing import checkpoints_taken, kill, wait_until
from rearranged import plain, with_refused
from running import TABLES, command, differing, exported, replayed, started
from streaming import await_counts, interrupted, platform_counts, redis_server

FIGURES = [name for name in TABLES if name != "deadletters"]
EVENTS = 20_000


@pytest.fixture(scope="module")
def events(generate: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    plain(with_refused(generate(EVENTS, 5.0).read_bytes().splitlines(keepends=True)), folder)
    return folder / "events.jsonl"


@pytest.fixture(scope="module")
def replay(events: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("replay")
    replayed(home, events)
    exported(home)
    return home


@pytest.fixture
def counts(replay: Path) -> list[int]:
    """The platform's counts after a replay, in the order in which a cell holds them."""
    from runners.embedded_redis import open_redis

    with open_redis(None, replay) as store:
        return platform_counts(store.client)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, str, Any]]:
    (tmp_path / "server").mkdir()
    with redis_server(tmp_path / "server") as found:
        yield found


def letters(folder: Path) -> list[dict[str, Any]]:
    """The dead letters of an export, less the moment at which the stream took them in."""
    return [row | {"ingested_at": None} for row in pq.read_table(folder / "deadletters.parquet").to_pylist()]


def assert_same(live: Path, replay: Path) -> None:
    assert differing(live, replay / "export", FIGURES) == []
    assert letters(live) == letters(replay / "export")


def test_published_while_it_runs_and_stopped_by_ctrl_c(
    events: Path, replay: Path, counts: list[int], server: tuple[str, str, Any], tmp_path: Path
) -> None:
    """Source and results in one Redis, over TCP."""
    tcp, _, _ = server
    run = started("run", f"{tcp}?stream=events", "--redis", tcp, "--data-dir", tmp_path / "home", "--json")
    try:
        told = json.loads(command("publish", events, "--to", f"{tcp}?stream=events", "--json").stdout)
        client = redis.Redis.from_url(tcp)
        sent = client.xlen("events")
        assert told["events"] == sent == len(events.read_bytes().splitlines())
        await_counts(client, counts)
        code, out, err = interrupted(run)
    finally:
        kill(run)
    assert (code, "Traceback" in err) == (0, False), err
    report = json.loads(out)
    assert (
        report["accepted"] + report["duplicates"] + sum(report["refused"].values())
        == report["events"]
        == sent
    )
    assert report["stopped"]
    command("export", tmp_path / "out", "--redis", tcp)
    assert_same(tmp_path / "out", replay)


def test_killed_and_started_again_while_events_go_on_coming(
    events: Path, replay: Path, counts: list[int], server: tuple[str, str, Any], tmp_path: Path
) -> None:
    """Over a unix socket, results in the embedded Redis."""
    _, unix, _ = server
    home, stream = tmp_path / "home", f"{unix}?stream=events"
    lines = events.read_bytes().splitlines(keepends=True)
    for part in range(3):
        size = len(lines) // 3 + 1
        (tmp_path / f"{part}.jsonl").write_bytes(b"".join(lines[part * size : (part + 1) * size]))
    again = ("run", stream, "--data-dir", home, "--checkpoint-every", "300ms", "--json")
    count = checkpoints_taken(home)
    command("publish", tmp_path / "0.jsonl", "--to", stream)
    run = started(*again)
    try:
        wait_until(lambda: count() >= 2 or run.poll() is not None, "a checkpoint")
        command("publish", tmp_path / "1.jsonl", "--to", stream)
    finally:
        kill(run)
    command("publish", tmp_path / "2.jsonl", "--to", stream)
    run = started(*again)
    try:
        client = redis.Redis(unix_socket_path=str(home / "redis" / "server.sock"))
        await_counts(client, counts)
        code, out, err = interrupted(run)
    finally:
        kill(run)
    assert (code, "Traceback" in err) == (0, False), err
    assert json.loads(out)["resumed"]
    assert_same(exported(home), replay)


def test_two_streams_and_a_file_at_once(
    events: Path, replay: Path, counts: list[int], server: tuple[str, str, Any], tmp_path: Path
) -> None:
    tcp, unix, _ = server
    home, streams = tmp_path / "home", (f"{tcp}?stream=one", f"{unix}?stream=two")
    lines = events.read_bytes().splitlines(keepends=True)
    for number in range(3):
        (tmp_path / f"{number}.jsonl").write_bytes(b"".join(lines[number::3]))
    run = started("run", *streams, tmp_path / "2.jsonl", "--data-dir", home, "--json")
    try:
        for number, stream in enumerate(streams):
            command("publish", tmp_path / f"{number}.jsonl", "--to", stream)
        await_counts(redis.Redis(unix_socket_path=str(home / "redis" / "server.sock")), counts)
        code, _, err = interrupted(run)
    finally:
        kill(run)
    assert (code, "Traceback" in err) == (0, False), err
    assert_same(exported(home), replay)


def test_a_file_that_grows_is_followed(events: Path, replay: Path, counts: list[int], tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "in"
    folder.mkdir()
    lines = events.read_bytes().splitlines(keepends=True)
    half, whole = b"".join(lines[:9000]), b"".join(lines)
    # A line may be seen half written.
    (folder / "events.jsonl").write_bytes(half[:-40])
    run = started("run", folder, "--follow", "--data-dir", home, "--json")
    try:
        client = redis.Redis(unix_socket_path=str(home / "redis" / "server.sock"))
        wait_until(lambda: bool(platform_counts(client)) or run.poll() is not None, "the first figures")
        with (folder / "events.jsonl").open("ab") as file:
            file.write(whole[len(half) - 40 :])
        await_counts(client, counts)
        code, _, err = interrupted(run)
    finally:
        kill(run)
    assert (code, "Traceback" in err) == (0, False), err
    assert differing(exported(home), replay / "export") == []


def test_a_stream_that_goes_away_and_comes_back_loses_nothing(
    events: Path, replay: Path, counts: list[int], tmp_path: Path
) -> None:
    from streaming import start_server, stop_server, urls

    folder, home = tmp_path / "server", tmp_path / "home"
    folder.mkdir()
    with redis_server(folder) as (tcp, _, process):
        port = int((folder / "port").read_text())
        half = tmp_path / "half.jsonl"
        lines = events.read_bytes().splitlines(keepends=True)
        half.write_bytes(b"".join(lines[:9000]))
        run = started("run", f"{tcp}?stream=events", "--data-dir", home, "--json")
        try:
            command("publish", half, "--to", f"{tcp}?stream=events")
            client = redis.Redis(unix_socket_path=str(home / "redis" / "server.sock"))
            wait_until(lambda: bool(platform_counts(client)) or run.poll() is not None, "the first figures")
            process.kill()
            process.wait()
            start_server(folder, port)
            half.write_bytes(b"".join(lines[9000:]))
            command("publish", half, "--to", f"{urls(folder)[1]}?stream=events")
            await_counts(client, counts)
            code, _, err = interrupted(run)
        finally:
            kill(run)
            stop_server(folder)
    assert (code, "Traceback" in err) == (0, False), err
    assert_same(exported(home), replay)
