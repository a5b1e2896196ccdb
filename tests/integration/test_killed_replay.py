"""kill -9 of a replay, or of the Redis under it: the same command again gives the export of an undisturbed run."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from killing import checkpoints_taken, kill, kill_redis, killed_after, wait_until
from running import command, differing, exported, replayed, results, started
from streaming import redis_server, start_server

EVENTS = 20_000
SMALL = {"batch_rows": 250, "checkpoint_every_ms": 200}


@pytest.fixture(scope="module")
def events(generate: Callable[..., Path]) -> Path:
    return generate(EVENTS, 0.6)


@pytest.fixture(scope="module")
def undisturbed(events: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return results(tmp_path_factory.mktemp("undisturbed"), events, recommender=True)


@pytest.mark.parametrize(("checkpoints", "delay_s"), [(3, 0.15)])
def test_a_killed_replay_goes_on_where_it_was(
    checkpoints: int, delay_s: float, events: Path, undisturbed: Path, tmp_path: Path
) -> None:
    again = (
        "replay",
        events,
        "--batch-rows",
        250,
        "--checkpoint-every",
        "200ms",
        "--data-dir",
        tmp_path,
        "--json",
    )
    assert killed_after(checkpoints, delay_s, tmp_path, *again)
    report = json.loads(command(*again).stdout)
    assert report["resumed"] == (checkpoints > 0)
    if checkpoints:
        assert 0 < report["events"] < EVENTS
    assert differing(exported(tmp_path), undisturbed) == []


def test_redis_killed_under_a_replay_comes_back_with_all_that_it_had(
    events: Path, undisturbed: Path, tmp_path: Path
) -> None:
    killed: list[int] = []
    count = checkpoints_taken(tmp_path)

    def assassinate() -> None:
        for after in (1, 4):
            wait_until(lambda after=after: count() >= after, "a checkpoint")  # type: ignore[misc]
            killed.append(kill_redis(tmp_path))

    killer = threading.Thread(target=assassinate)
    killer.start()
    report = replayed(tmp_path, events, settings=SMALL, recommender=True)
    killer.join()
    assert len(set(killed)) == 2
    assert (report.events, report.resumed) == (EVENTS, False)
    assert differing(exported(tmp_path), undisturbed) == []


def test_an_interrupted_replay_stops_after_the_piece_under_way_and_goes_on_later(
    events: Path, undisturbed: Path, tmp_path: Path
) -> None:
    count = checkpoints_taken(tmp_path)

    def interrupt() -> None:
        wait_until(lambda: count() >= 2, "a checkpoint")
        os.kill(os.getpid(), signal.SIGINT)

    finger = threading.Thread(target=interrupt)
    finger.start()
    first = replayed(tmp_path, events, settings=SMALL, recommender=True)
    finger.join()
    second = replayed(tmp_path, events, settings=SMALL, recommender=True)
    assert (first.stopped, second.stopped, second.resumed) == (True, False, True)
    assert first.events + second.events == EVENTS
    assert differing(exported(tmp_path), undisturbed) == []


def test_another_redis_that_is_away_for_a_while_is_waited_for(
    events: Path, undisturbed: Path, tmp_path: Path
) -> None:
    server = tmp_path / "server"
    server.mkdir()
    count = checkpoints_taken(tmp_path / "home")
    restarts: list[int] = []

    with redis_server(server) as (tcp, _, process):

        def restart() -> None:
            wait_until(lambda: count() >= 2, "a checkpoint")
            process.kill()
            process.wait()
            restarts.append(start_server(server, int((server / "port").read_text())).pid)

        killer = threading.Thread(target=restart)
        killer.start()
        report = replayed(tmp_path / "home", events, settings=SMALL | {"redis": tcp}, recommender=True)
        killer.join()
        command("export", tmp_path / "out", "--redis", tcp)
    assert (len(restarts), report.events) == (1, EVENTS)
    assert differing(tmp_path / "out", undisturbed) == []


def test_ctrl_c_twice_ends_a_job_whose_redis_is_gone(events: Path, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    home = tmp_path / "home"
    count = checkpoints_taken(home)
    with redis_server(tmp_path / "server") as (tcp, _, process):
        again = (
            "replay",
            events,
            "--batch-rows",
            250,
            "--checkpoint-every",
            "200ms",
            "--redis",
            tcp,
            "--data-dir",
            home,
        )
        replay = started(*again)
        try:
            wait_until(lambda: count() >= 2 or replay.poll() is not None, "a checkpoint")
            process.kill()
            process.wait()
            replay.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                replay.wait(timeout=2)
            replay.send_signal(signal.SIGINT)
            _, err = replay.communicate(timeout=60)
        finally:
            kill(replay)
    assert (replay.returncode, "Traceback" in err) == (130, False), err
