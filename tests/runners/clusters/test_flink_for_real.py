"""A real cluster: up, a replay on it that equals the Direct runner's, down, and nothing left."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from runners.clusters.flink_jars import FLINK_FOLDERS
from runners.clusters.jar_cache import is_whole
from runners.clusters.java import find_java
from runners.clusters.places import cache_home
from schemas.errors import UsageError

ROOT = Path(__file__).resolve().parents[3]
TABLES = ("metrics", "attribution", "credits", "leaderboards", "reconciliation", "deadletters")
EVENTS = 20_000

pytestmark = pytest.mark.flink

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def jars() -> Path:
    try:
        find_java(os.environ)
    except UsageError as error:
        pytest.skip(str(error))
    folder = cache_home(os.environ) / "jars"
    if not all(is_whole(folder / name) for name in FLINK_FOLDERS):
        pytest.skip("Flink's jars are not in the cache; `interestream flink up` fetches them once")
    return folder


@pytest.fixture(scope="module")
def command(jars: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Run the command with a cache of its own, so that it does not meet the user's clusters."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "interestream").mkdir()
    (cache / "interestream" / "jars").symlink_to(jars)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INTERESTREAM_")}
    environment |= {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cache)}

    def run(*arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "runners.cli.app", *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=580,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    generator = ROOT / "benchmarks" / "generate_events.py"
    subprocess.run(
        [sys.executable, generator, "--events", str(EVENTS), "--rate", "20", "--out", path],
        check=True,
        capture_output=True,
    )
    return path


@pytest.fixture(scope="module")
def home(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    yield folder
    command("flink", "down", "--data-dir", folder, check=False)


def members(found: dict[str, Any]) -> list[int]:
    return [each["pid"] for each in [found["jobmanager"], *found["taskmanagers"], *found["others"]]]


def left_over(sessions: list[int]) -> list[str]:
    """Return the command lines of processes in any of the sessions."""
    return [
        " ".join(each.cmdline())[:200]
        for each in psutil.process_iter()
        if each.status() != psutil.STATUS_ZOMBIE and os.getsid(each.pid) in sessions
    ]


def test_up_replay_equal_down(command: Command, events: Path, home: Path, tmp_path: Path) -> None:
    direct = json.loads(command("replay", events, "--data-dir", tmp_path, "--json").stdout)
    command("export", tmp_path / "out", "--data-dir", tmp_path)

    command("flink", "up", "--taskmanagers", 2, "--slots", 2, "--data-dir", home)
    found = json.loads(command("flink", "status", "--json", "--data-dir", home).stdout)
    assert len(found["taskmanagers"]) == 2
    java = [found["jobmanager"]["pid"], *(each["pid"] for each in found["taskmanagers"])]
    assert len(set(java)) == 3
    assert all("java" in psutil.Process(pid).name() for pid in java)

    replay = ("replay", events, "--runner", "FlinkRunner", "--parallelism=2", "--data-dir", home, "--json")
    # `--parallelism` is Beam's own and stands last, as Beam's options do.
    on_flink = json.loads(command(*replay).stdout)
    assert {name: on_flink[name] for name in ("events", "accepted", "duplicates", "refused")} == {
        name: direct[name] for name in ("events", "accepted", "duplicates", "refused")
    }
    command("export", home / "out", "--data-dir", home)
    for name in TABLES:
        ours, theirs = (folder / "out" / f"{name}.parquet" for folder in (home, tmp_path))
        assert ours.read_bytes() == theirs.read_bytes(), name
    assert "Nothing to do" in command(*replay[:-1]).stdout

    pool = next(each["pid"] for each in found["others"] if each["name"] == "worker-pool")
    os.kill(pool, signal.SIGKILL)
    sessions = members(found)
    command("flink", "down", "--data-dir", home)
    assert left_over(sessions) == []
    assert command("flink", "status", "--data-dir", home, check=False).returncode == 1
