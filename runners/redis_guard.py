"""Keeps one Redis server up for as long as anybody uses its directory; a program of its own.

Every user of the directory holds a shared lock on `users.lock`. The guard starts the server and waits for
the exclusive lock: once it has it, nobody is left, and it stops the server. The operating system drops the
lock of a user that was killed, so neither a crash nor `kill -9` leaves a server behind.

Run by file path with the standard library only, so that it starts in milliseconds and from anywhere:
`python -I -S redis_guard.py DIRECTORY PROGRAM [OPTION...]`.
"""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

USERS_LOCK = "users.lock"
GUARD_LOCK = "guard.lock"
LOG = "server.log"


def guard(directory: Path, command: list[str]) -> None:
    """Serve a directory until nobody uses it, then end this process with the server's exit code."""
    server = start(directory, command)
    signal.signal(signal.SIGTERM, lambda _signal, _frame: server.terminate())
    watcher = threading.Thread(target=_exit_with, args=(server,), daemon=True)
    watcher.start()
    wait_for_last_user(directory)
    server.terminate()
    watcher.join()


def start(directory: Path, command: list[str]) -> subprocess.Popen[bytes]:
    """Start the server once no other server of this directory is left.

    The server inherits the lock, so a guard that was killed cannot be followed by a second server on the
    same files while the first still runs.
    """
    alone = os.open(directory / GUARD_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(alone, fcntl.LOCK_EX)
    with (directory / LOG).open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(alone,),
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no thread yet
        )


def wait_for_last_user(directory: Path) -> None:
    """Block until no process holds the directory's shared lock, and keep newcomers waiting from then on."""
    users = os.open(directory / USERS_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(users, fcntl.LOCK_EX)


def _exit_with(server: "subprocess.Popen[bytes]") -> None:
    # The main thread is inside flock and would not notice; leaving also frees every lock.
    os._exit(abs(server.wait()))


def _end_with_parent() -> None:
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


if __name__ == "__main__":
    guard(Path(sys.argv[1]), sys.argv[2:])
