"""Processes are known by more than their number, and what they started goes with them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from runners.clusters import processes
from runners.clusters.processes import Known

PARENT = "import subprocess, sys, time; subprocess.Popen(['sleep', '60']); print('ready', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Known]:
    known = run(PARENT, tmp_path)
    yield known
    processes.stop(known, 1.0)


def run(program: str, folder: Path) -> Known:
    log = folder / "out.log"
    known = processes.start([sys.executable, "-c", program], log, os.environ, folder)
    deadline = time.monotonic() + 30
    while "ready" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    return known


def session(known: Known) -> list[int]:
    return [
        each.pid
        for each in psutil.process_iter()
        if each.status() != psutil.STATUS_ZOMBIE and os.getsid(each.pid) == known.pid
    ]


def test_it_is_alive_until_it_is_stopped_and_takes_its_children_along(started: Known) -> None:
    assert processes.is_alive(started)
    assert len(session(started)) == 2
    processes.stop(started)
    assert not processes.is_alive(started)
    assert session(started) == []


def test_children_of_one_that_was_killed_are_found_and_stopped(started: Known) -> None:
    os.kill(started.pid, signal.SIGKILL)
    os.waitpid(started.pid, 0)
    assert not processes.is_alive(started)
    assert processes.remains(started) == session(started) != []
    processes.stop(started)
    assert session(started) == []


def test_one_that_ignores_being_asked_is_killed(tmp_path: Path) -> None:
    known = run(STUBBORN, tmp_path)
    processes.stop(known, 0.2)
    assert not psutil.pid_exists(known.pid) or psutil.Process(known.pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("change", [{"started": "1"}, {"boot": "another"}])
def test_a_number_that_is_somebody_elses_by_now_is_left_alone(started: Known, change: dict[str, str]) -> None:
    stale = replace(started, **change)
    assert not processes.is_alive(stale)
    processes.stop(stale, 0.1)
    assert processes.is_alive(started)


def test_a_child_that_ended_unwaited_for_does_not_look_alive(tmp_path: Path) -> None:
    known = processes.start([sys.executable, "-c", ""], tmp_path / "log", os.environ, tmp_path)
    deadline = time.monotonic() + 30
    while processes.is_alive(known) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert processes.remains(known) == []


def test_it_outlives_the_command_that_started_it(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from runners.clusters import processes;"
        "known = processes.start(['sleep', '60'], Path('log'), os.environ, Path('.'));"
        "print(known.pid, known.started, known.boot)"
    )
    root = str(Path(__file__).resolve().parents[3])
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=os.environ | {"PYTHONPATH": root},
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    known = Known(int(shown[0]), shown[1], shown[2])
    assert processes.is_alive(known)
    processes.stop(known)
    assert not processes.is_alive(known)
