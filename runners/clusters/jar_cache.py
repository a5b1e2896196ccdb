"""Folders of jars in the user's cache: fetched once, whole or not at all, and known again by their digests."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from runners.clusters.records import read_record, write_record
from schemas.errors import StateError

CONTENTS: Final = "contents.json"
_BLOCK: Final = 1 << 20

Fetch = Callable[[Path], None]
"""Puts files into an empty folder."""


def cached(cache: Path, name: str, fetch: Fetch) -> list[Path]:
    """Return the jars of a cached folder, sorted; fetches them first where they are not there yet.

    A fetch happens beside the folder and is renamed into place when it is complete, so a kill leaves nothing
    half done; two commands at once fetch once. A folder whose files are not as they were is fetched anew.
    """
    folder = cache / "jars" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not is_whole(folder):
        with _alone(folder.with_suffix(".lock")):
            if not is_whole(folder):
                _fill(folder, fetch)
    return jars_in(folder)


def is_whole(folder: Path) -> bool:
    """Whether every file noted is there with its size; digests are compared by `verify`."""
    try:
        noted = read_record(folder / CONTENTS)
    except StateError:
        return False
    return bool(noted) and all(_size(folder / name) == size for name, (size, _) in noted.items())


def verify(folder: Path) -> list[str]:
    """Return the names of the files that are missing or differ from what was fetched."""
    noted = read_record(folder / CONTENTS)
    return [
        name
        for name, (size, digest) in noted.items()
        if _size(folder / name) != size or sha256_of(folder / name) != digest
    ]


def jars_in(folder: Path) -> list[Path]:
    """Return the jars of a folder, sorted by name."""
    return sorted(folder.glob("*.jar"))


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _fill(folder: Path, fetch: Fetch) -> None:
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        fetch(fresh)
        noted = {each.name: (each.stat().st_size, sha256_of(each)) for each in jars_in(fresh)}
        write_record(fresh / CONTENTS, noted)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
