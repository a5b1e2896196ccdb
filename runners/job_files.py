"""Whether the files of an earlier run are still what was read then, so that a job can go on from there.

>>> import tempfile
>>> path = Path(tempfile.mkdtemp()) / "a.jsonl"
>>> _ = path.write_bytes(b"one\\n")
>>> before = fingerprint(path)
>>> _ = path.write_bytes(b"one\\ntwo\\n")
>>> grown(before, path), unchanged(before, path)
(True, False)
"""

import hashlib
from pathlib import Path
from typing import Final, NamedTuple

from transforms.io.blocks import Place
from transforms.io.folder import LINE_SUFFIXES

_HEAD_BYTES: Final = 1 << 16


class Fingerprint(NamedTuple):
    """What a file looked like: size, time of change, and a hash of its first bytes."""

    size: int
    mtime_ns: int
    head: str


def fingerprint(path: Path) -> Fingerprint:
    """Look at a file; reads at most 64 KiB."""
    status = path.stat()
    return Fingerprint(status.st_size, status.st_mtime_ns, _head(path, status.st_size))


def _head(path: Path, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.blake2b(file.read(min(size, _HEAD_BYTES)), digest_size=16).hexdigest()


def unchanged(before: Fingerprint, path: Path) -> bool:
    """Whether a file is as it was."""
    return path.exists() and fingerprint(path) == before


def grown(before: Fingerprint, path: Path) -> bool:
    """Whether a file of plain lines only had lines added."""
    if path.suffix not in LINE_SUFFIXES or not path.exists():
        return False
    return path.stat().st_size > before.size and _head(path, before.size) == before.head


def places_to_go_on(
    places: dict[str, Place], seen: dict[str, Fingerprint], files: list[Path]
) -> dict[str, Place] | None:
    """Return where to go on in each file, None where an earlier file is gone or another one now."""
    wanted = {str(path) for path in files}
    going: dict[str, Place] = {}
    for name, place in places.items():
        before = seen.get(name)
        if name not in wanted or before is None:
            return None
        if unchanged(before, Path(name)):
            going[name] = place
        elif grown(before, Path(name)):
            going[name] = place._replace(ended=False)
        else:
            return None
    return going
