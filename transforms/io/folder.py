"""Which files a path stands for, and one reader over all of them that keeps their times aligned.

Each file is a source partition. The file whose watermark is furthest behind is read next, so that history
split over many files is replayed as it happened, whatever the files' names.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pyarrow.compute as pc

from schemas.errors import SourceError
from transforms.io.blocks import Block, Place
from transforms.io.column_files import ColumnFile, unreadable
from transforms.io.line_files import LineFile
from transforms.pieces import BEFORE_ALL_MS

LINE_SUFFIXES: Final = (".jsonl", ".ndjson", ".json")
COLUMN_SUFFIXES: Final = (".parquet", ".arrow", ".ipc", ".feather")
COMPRESSED: Final = (".gz", ".zst")
NOT_EVENTS: Final = ("deadletters.parquet", "import.json")
NOT_EVENT_FOLDERS: Final = ("dims", "truth")

_REMEDY: Final = "Files of events end in .jsonl, .jsonl.gz, .jsonl.zst, .parquet or .arrow."


def format_suffix(path: Path) -> str:
    """Return the suffix that names a file's format, without that of its compression."""
    return Path(path.stem).suffix if path.suffix in COMPRESSED else path.suffix


def event_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files of events that paths stand for, sorted; folders are searched.

    Raises SourceError for a path that does not exist, is of no known format, or holds no file of events.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files.extend(_in_folder(path))
        elif not path.exists():
            raise SourceError(f"There is no file or folder {path}. Correct the path.")
        elif format_suffix(path) not in (*LINE_SUFFIXES, *COLUMN_SUFFIXES):
            raise SourceError(f"The format of {path} is not known. {_REMEDY}")
        else:
            files.append(path)
    return sorted(set(files))


def _in_folder(folder: Path) -> list[Path]:
    known = (*LINE_SUFFIXES[:2], *COLUMN_SUFFIXES)
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and format_suffix(path) in known
        and path.name not in NOT_EVENTS
        and not any(
            part in NOT_EVENT_FOLDERS or part.startswith(".") for part in path.relative_to(folder).parts
        )
    ]
    if not found:
        raise SourceError(f"The folder {folder} holds no file of events. {_REMEDY}")
    return found


class FolderReader:
    """Reads many files as partitions, aligned in event time; a file is open only between its first and last block.

    With `limits` it reads each file as far as its limit and no file that has none, and never says that it has finished:
    whoever set them knows.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        places: dict[str, Place],
        block_bytes: int,
        block_rows: int,
        follow: bool = False,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        self._paths, self._follow, self._block_bytes, self._block_rows = (
            paths,
            follow,
            block_bytes,
            block_rows,
        )
        self._limits = limits
        self._places = dict(places)
        self._begins: dict[str, int] = {}
        self._open: dict[str, LineFile | ColumnFile] = {}
        self._quiet: set[str] = set()
        self._find()

    def _find(self) -> None:
        for path in event_files(self._paths):
            if self._limits is None or str(path) in self._limits:
                self._places.setdefault(str(path), Place("0", BEFORE_ALL_MS))

    @property
    def finished(self) -> bool:
        """Whether every file was read to its end; never while they are followed."""
        endless = self._follow or self._limits is not None
        return not endless and all(place.ended for place in self._places.values())

    def advance(self, partition: str, highest_ms: int) -> None:
        """Hear how far a file's events have got in event time."""
        self._places[partition] = self._places[partition]._replace(highest_ms=highest_ms)

    @property
    def least_ms(self) -> int:
        """The least time that a file still to be read has got to, or begins at; quiet ones hold nothing back."""
        going = [name for name, place in self._places.items() if not place.ended and name not in self._quiet]
        return min(map(self._time, going), default=BEFORE_ALL_MS)

    def read(self) -> Block | None:
        """Return the next block of the file that is furthest behind."""
        while True:
            ready = [
                name for name, place in self._places.items() if not place.ended and name not in self._quiet
            ]
            if not ready:
                self._nothing_now()
                return None
            name = min(ready, key=lambda each: (self._time(each), each))
            block = self._read(name)
            if block is not None:
                return block
            self._quiet.add(name)

    def _nothing_now(self) -> None:
        self._quiet.clear()
        if self._follow:
            self._find()

    def _read(self, name: str) -> Block | None:
        place = self._places[name]
        try:
            file = self._open.get(name) or self._opened(name, int(place.offset))
            block = file.read()
        except OSError as error:
            block = unreadable(name, place.offset, error)
        if block is None:
            return None
        self._places[name] = place._replace(offset=block.offset, ended=block.ended)
        if block.ended and name in self._open:
            self._open.pop(name).close()
        return block

    def _opened(self, name: str, offset: int) -> LineFile | ColumnFile:
        self._open[name] = self._file(name, offset, self._block_bytes, self._block_rows)
        return self._open[name]

    def _file(self, name: str, offset: int, block_bytes: int, block_rows: int) -> LineFile | ColumnFile:
        path, limit = Path(name), None if self._limits is None else self._limits[name]
        if format_suffix(path) in COLUMN_SUFFIXES:
            return ColumnFile(path, name, offset, block_rows, limit)
        return LineFile(path, name, offset, block_bytes, block_rows, self._follow, limit)

    def _time(self, name: str) -> int:
        """Return how far a file has got in event time; for one not begun, when its first events are."""
        place = self._places[name]
        if place.highest_ms != BEFORE_ALL_MS:
            return place.highest_ms
        if name not in self._begins:
            self._begins[name] = self.first_time(name)
        return self._begins[name]

    def first_time(self, name: str) -> int:
        """Return the least time among a file's next events, without reading on; `BEFORE_ALL_MS` if it has none."""
        try:
            file = self._file(name, int(self._places[name].offset), _PEEK_BYTES, _PEEK_ROWS)
            block = file.read()
            file.close()
        except OSError:
            return BEFORE_ALL_MS
        times = block.decoded.events["event_time"].drop_null() if block else []
        return int(pc.min(times).value) if len(times) else BEFORE_ALL_MS

    def close(self) -> None:
        """Close all files."""
        for file in self._open.values():
            file.close()


_PEEK_BYTES: Final = 1 << 16
_PEEK_ROWS: Final = 1024
