"""Killing a job, or the Redis under it, at a chosen moment of its run."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from running import started

PATIENCE_S = 120.0


def wait_until(done: Callable[[], bool], what: str) -> None:
    """Wait for something that must come; time only bounds how long a failing test takes."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, f"{what} did not come within {PATIENCE_S:.0f} s"
        time.sleep(0.005)


def checkpoints_taken(home: Path) -> Callable[[], int]:
    """Return a counter of the checkpoints seen on disk since it was made."""
    seen: set[int] = set()

    def count() -> int:
        path = home / "checkpoints" / "checkpoint.pickle"
        if path.exists():
            seen.add(path.stat().st_mtime_ns)
        return len(seen)

    return count


def killed_after(checkpoints: int, delay_s: float, home: Path, *arguments: object) -> bool:
    """Start a command and kill -9 it some time after a checkpoint; False where it had ended before."""
    count = checkpoints_taken(home)
    before = count()
    process = started(*arguments)
    try:
        wait_until(
            lambda: process.poll() is not None or (_at_work(home) and count() - before >= checkpoints),
            "a checkpoint",
        )
        time.sleep(delay_s)
    finally:
        kill(process)
    return process.returncode == -signal.SIGKILL


def _at_work(home: Path) -> bool:
    return (home / "redis" / "server.pid").exists()


def kill(process: "subprocess.Popen[str]") -> None:
    """Kill -9 one process that was started here, and none besides."""
    process.kill()
    process.communicate()


def kill_redis(home: Path) -> int:
    """Kill -9 the embedded server of a data directory; returns its process id."""
    number = int((home / "redis" / "server.pid").read_text())
    os.kill(number, signal.SIGKILL)
    return number
