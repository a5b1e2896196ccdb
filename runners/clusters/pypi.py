"""Flink's own jars, which its Python distribution carries: fetched by pip, taken out of the archive."""

import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from typing import Final

from runners.clusters.jar_cache import sha256_of
from runners.clusters.progress import Tell
from schemas.errors import SourceError

_LOOK_EVERY_S: Final = 1.0


def command_line(requirement: str, folder: Path) -> list[str]:
    """Return the command that fetches a source distribution and nothing that it needs."""
    return [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--no-build-isolation", "--no-binary", ":all:", "--dest", str(folder), requirement,
    ]  # fmt: skip


def fetch_archive(requirement: str, sha256: str, folder: Path, tell: Tell) -> Path:
    """Fetch a source distribution and hold it to its digest; raises SourceError."""
    with subprocess.Popen(
        command_line(requirement, folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        said = _said_meanwhile(running, requirement, tell)
    archives = sorted(folder.glob("*.tar.gz"))
    if running.returncode or len(archives) != 1:
        lines = said.strip().splitlines() or ["it said nothing"]
        raise SourceError(
            f"pip could not fetch {requirement}: {lines[-1]}. "
            "Check that it reaches its index (`pip config list`), then run the command again."
        )
    found = sha256_of(archives[0])
    if found != sha256:
        raise SourceError(
            f"{archives[0].name} has the SHA-256 {found} and not {sha256}. It was damaged on its way, or is not "
            "what it says; fetch it again, from another index if it stays so."
        )
    return archives[0]


def take_out(archive: Path, folder: Path, prefixes: tuple[str, ...]) -> None:
    """Copy the jars of an archive's `lib` whose names begin with a prefix into a folder."""
    with tarfile.open(archive) as packed:
        for member in packed:
            name = Path(member.name).name
            wanted = name.endswith(".jar") and name.startswith(prefixes)
            content = packed.extractfile(member) if wanted and "/lib/" in member.name else None
            if content is not None:
                with content, (folder / name).open("wb") as out:
                    while block := content.read(1 << 20):
                        out.write(block)


def _said_meanwhile(running: "subprocess.Popen[str]", requirement: str, tell: Tell) -> str:
    ended = threading.Event()

    def watch() -> None:
        seconds = 0
        while not ended.wait(_LOOK_EVERY_S):
            seconds += 1
            tell(f"fetching {requirement}: {seconds} s")

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        return running.communicate()[0]
    finally:
        ended.set()
        watching.join()
