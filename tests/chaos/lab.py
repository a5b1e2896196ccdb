"""A Flink cluster of the checks' own: where it is, what runs in it, and how its processes are killed."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from killing import wait_until
from running import COMMAND, environment

from runners.clusters.cluster_state import ClusterState
from runners.clusters.flink_cluster import rest_url
from runners.clusters.flink_jars import FLINK_FOLDERS
from runners.clusters.flink_members import JOBMANAGER, WORKER_POOL, is_taskmanager
from runners.clusters.flink_rest import FlinkRest
from runners.clusters.jar_cache import is_whole
from runners.clusters.java import find_java
from runners.clusters.places import cache_home
from schemas.errors import UsageError

_BUSY_WITHIN_S = 0.5


class Lab:
    """One cluster and the command that knows no other, with a cache of its own."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.home, self._flink = folder / "cluster", folder / "cluster" / "flink"
        (folder / "cache" / "interestream").mkdir(parents=True)
        for found in cache.iterdir():
            if found.name != "last-started":
                (folder / "cache" / "interestream" / found.name).symlink_to(found)
        self._environment = environment() | {"XDG_CACHE_HOME": str(folder / "cache")}

    def command(self, *words: object, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run the command to its end."""
        done = subprocess.run(
            [*COMMAND, *map(str, words)],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def started(self, log: Path, *words: object) -> "subprocess.Popen[bytes]":
        """Start the command and leave it running; what it says goes to `log`.out and `log`.err."""
        with log.with_suffix(".out").open("ab") as out, log.with_suffix(".err").open("ab") as err:
            return subprocess.Popen(
                [*COMMAND, *map(str, words)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def up(self, taskmanagers: int = 2, slots: int = 2) -> None:
        """Bring the cluster up, or what is missing of it."""
        self.command("flink", "up", "--taskmanagers", taskmanagers, "--slots", slots, "--data-dir", self.home)

    def down(self) -> None:
        self.command("flink", "down", "--data-dir", self.home, check=False)

    @property
    def rest(self) -> FlinkRest:
        return FlinkRest(rest_url(ClusterState.read(self._flink)))

    def pids(self) -> dict[str, int]:
        """Return the processes that run, by name."""
        return {name: known.pid for name, known in ClusterState.read(self._flink).alive().items()}

    def taskmanagers(self) -> list[int]:
        return [pid for name, pid in self.pids().items() if is_taskmanager(name)]

    def workers(self) -> list[int]:
        """Return the Python workers: children of the pool."""
        pool = psutil.Process(self.pids()[WORKER_POOL])
        return [each.pid for each in pool.children() if each.status() != psutil.STATUS_ZOMBIE]

    def workers_at_work(self, taskmanager: int | None = None) -> list[int]:
        """Return the workers that are connected to a TaskManager that runs, or to a certain one."""
        masters = [taskmanager] if taskmanager else self.taskmanagers()
        ports = {port for master in masters for port in _listens(master)}
        connected = [each for each in self.workers() if ports & set(_connected_to(each))]
        # One that was started for an attempt which ended before it began is never stopped by Beam, nor used.
        before = {each: _seconds(each) for each in connected}
        time.sleep(_BUSY_WITHIN_S)
        return [each for each in connected if _seconds(each) > before[each]]

    def kill_taskmanager(self, draw: random.Random) -> None:
        os.kill(draw.choice(sorted(self.taskmanagers())), signal.SIGKILL)

    def kill_worker(self, draw: random.Random) -> None:
        wait_until(lambda: bool(self.workers_at_work()), "a Python worker")
        os.kill(draw.choice(sorted(self.workers_at_work())), signal.SIGKILL)

    def kill_jobmanager(self, draw: random.Random) -> None:
        wait_until(lambda: JOBMANAGER in self.pids(), "a JobManager")
        os.kill(self.pids()[JOBMANAGER], signal.SIGKILL)


def ports_to(pid: int, port: int) -> list[int]:
    """Return a process's own ports of its connections to a port."""
    return [each.laddr.port for each in _connections(pid) if each.raddr and each.raddr.port == port]


def _seconds(pid: int) -> float:
    with suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)
    return 0.0


def _listens(pid: int) -> list[int]:
    return [each.laddr.port for each in _connections(pid) if each.status == psutil.CONN_LISTEN]


def _connected_to(pid: int) -> list[int]:
    return [each.raddr.port for each in _connections(pid) if each.status == psutil.CONN_ESTABLISHED]


def _connections(pid: int) -> list[Any]:
    try:
        return list(psutil.Process(pid).net_connections("tcp"))
    except psutil.Error:
        return []


def jars_or_skip() -> Path:
    """Return the user's cache; skips where Java or Flink's jars are missing."""
    try:
        find_java(os.environ)
    except UsageError as error:
        pytest.skip(str(error))
    cache = cache_home(os.environ)
    if not all(is_whole(cache / "jars" / name) for name in FLINK_FOLDERS):
        pytest.skip("Flink's jars are not in the cache; `interestream flink up` fetches them once")
    return cache


@contextmanager
def lab(folder: Path, taskmanagers: int = 2, slots: int = 2) -> Iterator[Lab]:
    """Run a cluster; nothing of it is left."""
    made = Lab(folder, jars_or_skip())
    try:
        made.up(taskmanagers, slots)
        yield made
    finally:
        made.down()
