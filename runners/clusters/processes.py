"""Processes that outlive the command that started them, known again by more than their number.

A number is used again after a process has died, so a process is known by its number, when it started, and
which boot of the machine that was. Each is started in a session of its own: whatever it starts in turn
(a worker pool's workers) belongs to that session and can be found and stopped after the process itself died.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

TERMINATE_PATIENCE_S: Final = 10.0
_KILL_PATIENCE_S: Final = 5.0
_PAUSE_S: Final = 0.05


@dataclass(frozen=True)
class Known:
    """One process that was started: its number, the start time the system gives it, and the machine's boot."""

    pid: int
    started: str
    boot: str

    def record(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def start(command: Sequence[str], log: Path, environment: Mapping[str, str], folder: Path) -> Known:
    """Start a program in the background, in a session of its own, with its output appended to a log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    return Known(process.pid, _started(process.pid) or "", boot_id())


def is_alive(known: Known) -> bool:
    """Whether this very process still runs; one that has ended and was not waited for does not."""
    _reap(known.pid)
    return known.boot == boot_id() and bool(known.started) and _started(known.pid) == known.started


def remains(known: Known) -> list[int]:
    """Return the processes of its session that still run, itself included."""
    if known.boot != boot_id():
        return []
    _reap(known.pid)
    leader = _started(known.pid)
    if leader is not None and leader != known.started:
        return []  # The number belongs to somebody else by now, so nothing of the session is left.
    return [pid for pid in _running() if _session(pid) == known.pid]


def stop(known: Known, patience_s: float = TERMINATE_PATIENCE_S) -> None:
    """End a process and all of its session: asked first, killed after a while."""
    for how, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, _KILL_PATIENCE_S)):
        _signal(remains(known), how)
        deadline = time.monotonic() + wait_s
        while remains(known):
            if time.monotonic() > deadline:
                break
            time.sleep(_PAUSE_S)
        else:
            return


def boot_id() -> str:
    """Return what tells one boot of the machine from the next, empty where the system does not say."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def _signal(pids: Sequence[int], how: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, how)


def _reap(pid: int) -> None:
    """Collect a child of this process that has ended, so that it does not look alive."""
    with suppress(ChildProcessError, OSError):
        os.waitpid(pid, os.WNOHANG)


def _running() -> Iterator[int]:
    if sys.platform == "linux":
        yield from (int(name) for name in os.listdir("/proc") if name.isdigit())
        return
    shown = subprocess.run(["ps", "-axo", "pid="], capture_output=True, text=True, check=False)
    yield from map(int, shown.stdout.split())


def _session(pid: int) -> int | None:
    try:
        session = os.getsid(pid)
    except OSError:
        return None
    return session if _started(pid) is not None else None


def _started(pid: int) -> str | None:
    """Return when a process started, as the system words it; None if there is none or it has ended."""
    if sys.platform == "linux":
        try:
            # The name in parentheses may hold anything; fields are counted from behind it.
            fields = (
                Path(f"/proc/{pid}/stat")
                .read_text(encoding="utf-8", errors="replace")
                .rpartition(")")[2]
                .split()
            )
        except OSError:
            return None
        return None if fields[0] in ("Z", "X") else fields[19]
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, moment = shown.stdout.strip().partition(" ")
    return moment.strip() if moment and not state.startswith("Z") else None
