"""A Redis that is emptied, or comes back as it was some time ago, while a job writes to it: noticed, filled again."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from kept_boards import exported_boards, kept_boards
from killing import wait_until
from rearranged import plain, with_refused
from running import differing, exported, replayed, started
from streaming import free_port, platform_counts, start_server, stop_server, urls

from runners.embedded_redis import open_redis
from serving.export import export

EVENTS = 20_000
SETTINGS = {"allowed_lateness_ms": 60_000, "batch_rows": 250, "checkpoint_every_ms": 500}
OPTIONS = (
    "--allowed-lateness",
    "60s",
    "--batch-rows",
    "250",
    "--checkpoint-every",
    "500ms",
    "--no-recommender",
)
"""Little lateness, so that most windows have been closed and forgotten by the time of the loss."""


@pytest.fixture(scope="module")
def events(generate: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    plain(with_refused(generate(EVENTS, 5.0).read_bytes().splitlines(keepends=True)), folder)
    return folder / "events.jsonl"


@pytest.fixture(scope="module")
def undisturbed(events: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("replay")
    replayed(home, events, settings=SETTINGS)
    return exported(home)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "server"
    folder.mkdir()
    start_server(folder, free_port(), log=False)
    yield folder
    stop_server(folder)


def emptied(server: Path) -> None:
    redis.Redis.from_url(urls(server)[1]).flushall()


def restored(server: Path) -> None:
    stop_server(server)
    start_server(server, int((server / "port").read_text()), log=False)


@pytest.mark.parametrize("lose", [emptied, restored])
def test_the_export_is_right_at_the_end(
    lose: Callable[[Path], None], server: Path, events: Path, undisturbed: Path, tmp_path: Path
) -> None:
    client: Any = redis.Redis.from_url(urls(server)[1])
    job = started("replay", events, "--redis", urls(server)[1], "--data-dir", tmp_path / "home", *OPTIONS)
    try:
        wait_until(lambda: sum(platform_counts(client)) > 0, "the first figures")
        client.save()
        archive = tmp_path / "home" / "checkpoints" / "Figures-0.archive"
        wait_until(
            lambda: archive.exists() and archive.stat().st_size > 0, "windows that are closed for good"
        )
        lose(server)
        assert job.wait(120) == 0, job.communicate()[1]
    finally:
        job.kill()
    with open_redis(urls(server)[1], tmp_path / "home") as store:
        export(store.client, out_dir=tmp_path / "export")
        assert kept_boards(store.client) == exported_boards(tmp_path / "export")
    assert differing(tmp_path / "export", undisturbed) == []
