"""Runs a program beside an own Redis, and says what both of them cost."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import redis

from runners.redis_server import candidates

ROOT: Final = Path(__file__).resolve().parents[1]
COMMAND: Final = (sys.executable, "-m", "runners.cli.app")
_LOOK_EVERY_S: Final = 0.1
_START_S: Final = 10.0


@dataclass(frozen=True)
class Cost:
    """What one run cost; megabytes are the peaks of resident memory, `server_mb` None where it is not known."""

    printed: dict[str, Any]
    wall_s: float
    cpu_s: float
    peak_mb: float
    server_mb: float | None


def measured(command: Sequence[str], server_pid: Callable[[], int | None]) -> Cost:
    """Run a program that prints JSON to its end; its server is looked at while it runs."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    server = _Watch(server_pid)
    with server:
        assert process.stdout is not None
        text = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}.")
    wall_s = time.perf_counter() - began
    return Cost(
        json.loads(text), wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, server.peak_mb
    )


class _Watch:
    """Follows the peak memory of a process that comes and goes, where `/proc` tells it."""

    def __init__(self, find: Callable[[], int | None]) -> None:
        self.peak_mb: float | None = None
        self._find, self._ended = find, threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._ended.wait(_LOOK_EVERY_S):
            number = self._find()
            now_mb = peak_mb(number) if number else None
            if now_mb is not None:
                self.peak_mb = max(self.peak_mb or 0.0, now_mb)


def peak_mb(pid: int) -> float | None:
    """Return the peak resident memory of a running process; None where the system does not tell."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return None


def cpu_s(pid: int | None) -> float:
    """Return the CPU seconds that a running process has used; 0 where the system does not tell."""
    with suppress(OSError):
        used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def embedded_pid(data_dir: Path) -> Callable[[], int | None]:
    """Return how to find the embedded server of a data directory."""

    def find() -> int | None:
        with suppress(OSError, ValueError):
            return int((data_dir / "redis" / "server.pid").read_text())
        return None

    return find


@contextmanager
def own_redis(folder: Path) -> Iterator[tuple[str, int]]:
    """Run a server on a unix socket in a folder, with nothing on disk; gives its URL and its process id."""
    folder.mkdir(parents=True, exist_ok=True)
    socket = folder / "bench.sock"
    server = subprocess.Popen(
        [next(iter(candidates())), "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    url = f"unix://{socket}"
    try:
        _await_answer(url)
        yield url, server.pid
    finally:
        server.terminate()
        server.wait()


def _await_answer(url: str) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            redis.Redis.from_url(url).ping()
            return
        except redis.RedisError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def generated(cache: Path, events: int, rate: float, seed: int) -> Path:
    """Return so many generated events, written once and kept."""
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"events-{events}-{rate:g}-{seed}.jsonl"
    if not path.exists():
        fresh = path.with_suffix(".new")
        options = ["--events", events, "--rate", rate, "--seed", seed, "--out", fresh]
        generator = Path(__file__).with_name("generate_events.py")
        subprocess.run([sys.executable, generator, *map(str, options)], check=True, stdout=subprocess.DEVNULL)
        fresh.replace(path)
    return path
