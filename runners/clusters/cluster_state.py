"""The record of a cluster on disk: its processes, its ports, and what it was asked to be."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from runners.clusters import processes
from runners.clusters.processes import Known
from runners.clusters.records import read_record, write_record

RECORD: Final = "cluster.json"
LOCK: Final = "cluster.lock"
LOGS: Final = "logs"


@dataclass
class ClusterState:
    """What was started in a folder; processes by their name, whether or not they still run."""

    folder: Path
    members: dict[str, Known] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    shape: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "ClusterState":
        """Return what stands on disk; empty where nothing was started."""
        record = read_record(folder / RECORD)
        members = {name: Known(**known) for name, known in record.get("members", {}).items()}
        return cls(folder, members, record.get("ports", {}), record.get("shape", {}))

    def write(self) -> None:
        """Put it on disk."""
        members = {name: known.record() for name, known in self.members.items()}
        write_record(self.folder / RECORD, {"members": members, "ports": self.ports, "shape": self.shape})

    def forget(self) -> None:
        """Remove it from disk."""
        (self.folder / RECORD).unlink(missing_ok=True)

    def alive(self) -> dict[str, Known]:
        """Return the processes that run."""
        return {name: known for name, known in self.members.items() if processes.is_alive(known)}

    def log_of(self, name: str) -> Path:
        """Return where a process writes what it says."""
        return self.folder / LOGS / f"{name}.log"


@contextmanager
def changing(folder: Path) -> Iterator[ClusterState]:
    """Hold a cluster's record for one command at a time, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    # Not inherited by what is started meanwhile: os.open closes on exec.
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield ClusterState.read(folder)
    finally:
        os.close(descriptor)
