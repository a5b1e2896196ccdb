"""The files that simulated events go to: one an evening, as JSON lines, Parquet or Arrow IPC."""

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Final, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.events import EVENT_SCHEMA
from transforms.io.simulation.block import Block
from transforms.io.simulation.columns import ArrowColumns
from transforms.io.simulation.directory import Directory
from transforms.io.simulation.lines import JsonLines

FOLDER: Final = "events"
SUFFIXES: Final = {"jsonl": "jsonl", "parquet": "parquet", "ipc": "arrow"}


class EventFile(Protocol):
    """One file under way."""

    def write(self, events: Block) -> None:
        """Append events in their order."""

    def close(self) -> None:
        """Complete the file."""


class EventFiles:
    """Opens the evenings' files, and tells what has become of them."""

    def __init__(self, folder: Path, form: str, directory: Directory) -> None:
        folder.mkdir()
        self._folder, self._form = folder, form
        self._lines, self._columns = JsonLines(directory), ArrowColumns(directory)

    def open(self, evening: int) -> EventFile:
        """Begin the file of an evening; it holds what arrives until the next one begins."""
        path = self._folder / f"events-{evening:03d}.{SUFFIXES[self._form]}"
        if self._form == "jsonl":
            return _Behind(_LineFile(path.open("wb"), self._lines))
        if self._form == "parquet":
            return _Behind(
                _ColumnFile(pq.ParquetWriter(path, EVENT_SCHEMA, compression="zstd"), self._columns)
            )
        return _Behind(_ColumnFile(pa.ipc.new_file(str(path), EVENT_SCHEMA), self._columns))

    def described(self) -> list[dict[str, Any]]:
        """Return each file's name, size and SHA-256."""
        return [_described(path) for path in sorted(self._folder.iterdir())]


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"file": f"{FOLDER}/{path.name}", "bytes": path.stat().st_size, "sha256": digest}


class _Behind:
    """Renders and writes a block while the next one is computed; never more than one waits."""

    def __init__(self, file: EventFile) -> None:
        self._file = file
        self._writer = ThreadPoolExecutor(max_workers=1)
        self._under_way: Future[None] | None = None

    def write(self, events: Block) -> None:
        self._finish()
        self._under_way = self._writer.submit(self._file.write, events)

    def close(self) -> None:
        self._finish()
        self._writer.shutdown()
        self._file.close()

    def _finish(self) -> None:
        if self._under_way is not None:
            self._under_way.result()


class _LineFile:
    def __init__(self, file: IO[bytes], lines: JsonLines) -> None:
        self._file, self._lines = file, lines

    def write(self, events: Block) -> None:
        self._file.write(self._lines.render(events))

    def close(self) -> None:
        self._file.close()


class _ColumnFile:
    def __init__(self, writer: Any, columns: ArrowColumns) -> None:
        self._writer, self._columns = writer, columns

    def write(self, events: Block) -> None:
        self._writer.write_batch(self._columns.render(events))

    def close(self) -> None:
        self._writer.close()
