"""Where clusters keep things: downloaded jars in the user's cache, all else under the data directory.

Commands find a cluster in their own data directory first, else the one that this user started last.

>>> cache_home({"XDG_CACHE_HOME": "/var/cache/me"})
PosixPath('/var/cache/me/interestream')
>>> cache_home({"HOME": "/home/me"})
PosixPath('/home/me/.cache/interestream')
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from runners.clusters.records import read_record, write_record

LAST_STARTED: Final = "last-started"


def cache_home(environment: Mapping[str, str]) -> Path:
    """Return the folder for what can be fetched again, by the XDG base directory rules."""
    given = environment.get("XDG_CACHE_HOME", "")
    home = Path(environment["HOME"]) if environment.get("HOME") else Path.home()
    base = Path(given) if Path(given).is_absolute() else home / ".cache"
    return base / "interestream"


def cluster_folder(kind: str, data_dir: Path) -> Path:
    """Return where a data directory's own cluster of a kind (`flink`, `kafka`) lives."""
    return data_dir.resolve() / kind


def remember_folder(kind: str, folder: Path, cache: Path) -> None:
    """Take note of the cluster started last, for commands with another data directory."""
    write_record(cache / LAST_STARTED / f"{kind}.json", {"folder": str(folder)})


def find_folder(kind: str, data_dir: Path, cache: Path, record: str) -> Path:
    """Return the folder of the cluster to talk to; that of the data directory itself where there is none."""
    own = cluster_folder(kind, data_dir)
    if (own / record).exists():
        return own
    remembered = read_record(cache / LAST_STARTED / f"{kind}.json").get("folder")
    if remembered and (Path(remembered) / record).exists():
        return Path(remembered)
    return own
