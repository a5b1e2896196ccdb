"""The embedded server's unix socket: a path short enough to connect to, and whether anybody answers there."""

import hashlib
import os
import socket
import tempfile
from enum import Enum
from pathlib import Path

from schemas.errors import StoreError

LONGEST_PATH = 103
"""Bytes that every system takes as a socket path (macOS: 104 with the closing zero, Linux: 108)."""


class Answer(Enum):
    """What a PING came to."""

    READY = "ready"
    BUSY = "busy"
    """A server is there and cannot answer yet: it loads its data, or runs a script."""
    ABSENT = "absent"


def socket_path(directory: Path) -> Path:
    """Return a path to `directory/server.sock` that fits a socket address, through a symlink if it must.

    Raises StoreError if the place of the symlink is taken by something that is not ours.
    """
    path = directory / "server.sock"
    if len(os.fsencode(path)) <= LONGEST_PATH:
        return path
    return _shortcut(directory) / path.name


def ping(path: Path, patience_s: float = 1.0) -> Answer:
    """Ask the server behind a socket whether it takes commands."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(patience_s)
        try:
            link.connect(os.fspath(path))
            link.sendall(b"PING\r\n")
            said = link.recv(64)
        except (TimeoutError, BlockingIOError):
            return Answer.BUSY
        except OSError:
            return Answer.ABSENT
    if not said:
        return Answer.ABSENT
    return Answer.READY if said.startswith(b"+PONG") else Answer.BUSY


def _shortcut(directory: Path) -> Path:
    """Return a short symlink to a directory, the same in every process, making it where it is missing."""
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    link = Path(tempfile.gettempdir()) / f"interestream-{os.getuid()}-{digest}"
    try:
        link.symlink_to(directory, target_is_directory=True)
    except FileExistsError:
        if not link.is_symlink() or link.lstat().st_uid != os.getuid() or link.readlink() != directory:
            raise StoreError(
                f"The data directory's path is too long for a socket, and the shortcut {link} is not "
                f"a link to {directory}. Remove {link}, or use a shorter --data-dir."
            ) from None
    return link
