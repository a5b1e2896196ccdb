"""Local checkpoints: one consistent cut of a whole pipeline on one machine, on disk.

On the Direct runner each piece travels the whole pipeline before the source is asked for the next. The
source offers a checkpoint between two pieces; it is taken only if every shard has passed every piece sent,
which is verified, not assumed. The manifest is written last and renamed into place, so a kill at any moment
leaves the last whole checkpoint.

After a checkpoint the epoch rises by one: what a later, lost stretch wrote to Redis carries a higher epoch
than the checkpoint's and can be told apart when the job resumes.
"""

import mmap
import os
import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from schemas.errors import StateError
from transforms.archive import ArchiveFile
from transforms.pieces import Piece, Progress
from transforms.state import spill

if TYPE_CHECKING:
    import pyarrow as pa

    from transforms.intake import Taken

FORMAT: Final = 12
"""The format of all state, in checkpoints and in Beam state; raised with any change to what the shards keep
or to the pieces that their logs hold (`tests/pipelines/steps.txt`)."""
MANIFEST: Final = "checkpoint.pickle"
_LENGTHS: Final = struct.Struct("<QQ")
_LENGTH: Final = struct.Struct("<Q")
_SLICE_BYTES: Final = 16 << 20
_SPACING: Final = 10
"""A checkpoint may take at most about a tenth of the time: the next waits this many times as long."""


class Snapshot(Protocol):
    """Anything whose state a checkpoint keeps."""

    def state(self) -> dict[str, Any]:
        """Return everything held; must pickle."""

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""


class Aside(Protocol):
    """Work that runs beside the pipeline; a checkpoint waits for it."""

    def settle(self) -> None:
        """Return once everything handed over is done; raise what failed in it."""


@dataclass
class Checkpoints:
    """The checkpoints of one job in this process."""

    directory: Path
    job_id: str
    epoch: int = 1
    every_s: float = 10.0
    clock: Callable[[], float] = lambda: 0.0
    on_taken: Callable[[int], None] = lambda _: None
    whole_position: Callable[[dict[int, Any]], Any] = dict
    on_progress: Callable[["Checkpoints"], None] | None = None
    position: Any = None
    positions: dict[int, Any] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    stopping: bool = False
    highest_ms: int = 0
    _sequence: int = 0
    _shards: dict[str, Snapshot] = field(default_factory=dict)
    _passed: dict[str, int] = field(default_factory=dict)
    _restored: dict[str, Any] = field(default_factory=dict)
    _asides: dict[str, Aside] = field(default_factory=dict)
    _parked: dict[tuple[int, int], "tuple[pa.RecordBatch, ...]"] = field(default_factory=dict)
    _archives: dict[str, ArchiveFile] = field(default_factory=dict)
    _archived: dict[str, int] = field(default_factory=dict)
    _due: float = 0.0

    def restore(self) -> bool:
        """Read the last whole checkpoint; False where there is none for this job."""
        manifest = last_manifest(self.directory)
        if manifest is None or manifest["job_id"] != self.job_id:
            return False
        self.epoch, self.position = manifest["epoch"], manifest["position"]
        self._sequence = manifest["sequence"]
        self.counters.update(manifest["counters"])
        self._restored = manifest["shards"]
        self._archived = dict(manifest["archives"])
        return True

    def register(self, name: str, shard: Snapshot) -> None:
        """Take note of a shard, and give it its restored state."""
        self._shards[name] = shard
        state = self._restored.pop(name, None)
        if state is not None:
            shard.load(state)

    def archive(self, name: str) -> ArchiveFile:
        """Return the archive of one step, as long as it was at the checkpoint that the job goes on from."""
        if name not in self._archives:
            path = self.directory / f"{name}.archive"
            self._archives[name] = ArchiveFile(path, self._archived.get(name, 0))
        return self._archives[name]

    def beside(self, name: str, aside: Aside) -> None:
        """Take note of work that a checkpoint must wait for."""
        self._asides[name] = aside

    def park(self, key: int, piece: Piece) -> Piece:
        """Keep a piece's batches here and return what travels in its stead: no copy between two steps."""
        self._parked[piece.progress.sequence, key] = piece.batches
        return Piece(piece.progress, (), piece.urgent, parked=True)

    def unpark(self, key: int, piece: Piece) -> Piece:
        """Return a piece whole; a parked one is handed out once."""
        if not piece.parked:
            return piece
        return Piece(piece.progress, self._parked.pop((piece.progress.sequence, key)), piece.urgent)

    def passed(self, name: str, progress: Progress) -> None:
        """Take note that a shard has absorbed a piece."""
        self._passed[name] = progress.sequence

    def next_sequence(self) -> int:
        """Return the number of the piece that a source is about to send; all sources share one count."""
        self._sequence += 1
        return self._sequence

    def sent(self, reader: int, position: Any, taken: "Taken | None") -> None:
        """Take note of where a reader stands once its piece is through, and show progress."""
        self.positions[reader] = position
        if taken is not None:
            self.count("events", taken.admitted.num_rows + taken.refused.num_rows)
            self.highest_ms = max(self.highest_ms, taken.highest_ms)
        if self.on_progress:
            self.on_progress(self)

    def finish(self) -> bool:
        """Take the last checkpoint after the pipeline has ended; False where something was still under way."""
        return self.offer(final=True)

    def forget(self) -> None:
        """Delete the checkpoint on disk."""
        (self.directory / MANIFEST).unlink(missing_ok=True)

    def count(self, name: str, more: int) -> None:
        """Add to an operational counter, kept with the checkpoint."""
        if more:
            self.counters[name] = self.counters.get(name, 0) + more

    def offer(self, final: bool = False) -> bool:
        """Take a checkpoint if it is due and everything sent has been absorbed; returns whether it was."""
        spill.relieve()
        now = self.clock()
        if not self._due:
            self._due = now + self.every_s
        if now < self._due and not final:
            return False
        for aside in self._asides.values():
            aside.settle()
        if not self._shards or any(self._passed.get(name) != self._sequence for name in self._shards):
            return False
        self._write(self.whole_position(self.positions))
        self._due = self.clock() + max(self.every_s, _SPACING * (self.clock() - now))
        return True

    def _write(self, position: Any) -> None:
        states = {name: shard.state() for name, shard in self._shards.items()}
        self._archived |= {name: archive.sync() for name, archive in self._archives.items()}
        manifest = {
            "format": FORMAT, "job_id": self.job_id, "epoch": self.epoch, "position": position,
            "sequence": self._sequence, "counters": dict(self.counters), "shards": self._restored | states,
            "archives": dict(self._archived),
        }  # fmt: skip
        self.directory.mkdir(parents=True, exist_ok=True)
        write_state(self.directory / MANIFEST, manifest)
        self.position = position
        self.epoch += 1
        self.on_taken(self.epoch)


def last_manifest(directory: Path) -> dict[str, Any] | None:
    """Return the last whole checkpoint in a folder, whoever's it is; None where there is none of this format."""
    path = directory / MANIFEST
    if not path.exists():
        return None
    try:
        manifest: dict[str, Any] = read_state(path)
    except Exception as error:
        raise StateError(
            f"The checkpoint {path} cannot be read: {error}. Run again with --fresh to start over."
        ) from error
    return manifest if manifest["format"] == FORMAT else None


def write_state(path: Path, value: Any) -> None:
    """Write a value whose large arrays follow it raw: no second copy of them in memory; atomic, on disk at return."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        views = [buffer.raw() for buffer in buffers]
        file.write(_LENGTHS.pack(len(head), len(views)))
        file.write(b"".join(_LENGTH.pack(len(view)) for view in views))
        file.write(head)
        for view in views:
            for begin in range(0, len(view), _SLICE_BYTES):
                file.write(view[begin : begin + _SLICE_BYTES])
                spill.relieve()
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def read_state(path: Path) -> Any:
    """Read a value that `write_state` wrote; its arrays are read-only views of the mapped file."""
    with path.open("rb") as file:
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    head_size, count = _LENGTHS.unpack_from(mapped)
    at = _LENGTHS.size
    sizes = [_LENGTH.unpack_from(mapped, at + i * _LENGTH.size)[0] for i in range(count)]
    at += count * _LENGTH.size
    head, at = mapped[at : at + head_size], at + head_size
    views = []
    for size in sizes:
        views.append(mapped[at : at + size])
        at += size
    return pickle.loads(head, buffers=views)


_ACTIVE: dict[str, Checkpoints] = {}


def activate(job: str, checkpoints: Checkpoints) -> None:
    """Make a job's checkpoints known to the steps of its pipeline in this process."""
    _ACTIVE[job] = checkpoints


def deactivate(job: str) -> None:
    """Forget a job's checkpoints, and the shards with them."""
    _ACTIVE.pop(job, None)


def of(job: str) -> Checkpoints:
    """Return the active checkpoints of a job."""
    return _ACTIVE[job]
