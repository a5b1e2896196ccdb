"""Ports on loopback: the usual one where it is free, else any that no outgoing connection takes.

A port is chosen some seconds before a server listens on it. Until then a note beside other temporary files tells
clusters that come up at the same time that it is taken.
"""

import fcntl
import json
import os
import random
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

HOST = "127.0.0.1"
_TRIES: Final = 100
_FIRST, _LAST = 20_000, 32_000
"""Any port is one of these: outgoing connections begin above, and one of them may take the port of a server that died."""
_LOOK_EVERY_S: Final = 0.1
_TAKEN_FOR_S: Final = 120.0
"""How long a cluster may take to listen on what it chose."""

Taken = dict[str, tuple[float, str]]
"""Ports as JSON has them, until when each is taken, and by whom."""


def choose(
    wanted: Mapping[str, int],
    owner: str,
    notes: Path | None = None,
    clock: Callable[[], float] = time.time,
    patience_s: float = 0.0,
) -> dict[str, int]:
    """Return a free port for each name, no two the same; the wanted one where nobody listens on it or is about to.

    `owner` is who asks, a folder or the like: what it took before it may take again. With patience it waits for what a
    server that was killed has not let go of yet.
    """
    chosen: dict[str, int] = {}
    with_ends: list[socket.socket] = []
    with _noted(notes or _own_notes(), clock) as taken:
        others = {port for port, (_, by) in taken.items() if by != owner}
        try:
            for name, port in wanted.items():
                end = _free(port, others, patience_s)
                if end is None:
                    raise OSError("no port is free on loopback")
                with_ends.append(end)
                chosen[name] = end.getsockname()[1]
        finally:
            for end in with_ends:
                end.close()
        taken.update({str(port): (clock() + _TAKEN_FOR_S, owner) for port in chosen.values()})
    return chosen


def _own_notes() -> Path:
    return Path(tempfile.gettempdir()) / f"interestream-ports-{os.getuid()}.json"


@contextmanager
def _noted(notes: Path, clock: Callable[[], float]) -> Iterator[Taken]:
    """Hold the notes of this user's chosen ports for one change; what has run out is left out.

    Where they cannot be held, as where another user has a file of that name, ports are chosen without.
    """
    try:
        descriptor = os.open(notes, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:
        yield {}
        return
    with os.fdopen(descriptor, "r+", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        taken = {port: by for port, by in _read(held.read()).items() if by[0] > clock()}
        yield taken
        held.seek(0)
        held.truncate()
        held.write(json.dumps(taken))


def _read(text: str) -> Taken:
    try:
        return {port: (float(until), str(by)) for port, (until, by) in json.loads(text or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}  # Left half written by a process that was killed: what it took it did not start.


def answers(port: int, patience_s: float = 0.5) -> bool:
    """Whether anybody takes connections on a port of loopback."""
    try:
        with socket.create_connection((HOST, port), timeout=patience_s):
            return True
    except OSError:
        return False


def _free(wanted: int, others: set[str], patience_s: float) -> socket.socket | None:
    """Return an end on a port that is free and no other's: the wanted one, else any."""
    until = time.monotonic() + patience_s
    while wanted and str(wanted) not in others:
        if end := _bound(wanted):
            return end
        if time.monotonic() >= until:
            break
        time.sleep(_LOOK_EVERY_S)
    for port in random.sample(range(_FIRST, _LAST), _TRIES):
        if str(port) not in others and (end := _bound(port)):
            return end
    return None


def _bound(port: int) -> socket.socket | None:
    if answers(port, 0.2):
        return None
    end = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        end.bind((HOST, port))
    except OSError:
        end.close()
        return None
    return end
