"""Delimited source files as chunks of text columns, found by what the header says, not by its spelling."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import SourceError
from transforms.io.imports.files import SourceFile
from transforms.io.imports.output import ImportOutput
from transforms.io.imports.records import records

CHUNK_ROWS: Final = 32_768
TEXT_SUFFIXES: Final = (".csv", ".tsv", ".txt", ".dat")
_DELIMITERS: Final = (",", "\t", ";", "|")


@dataclass(frozen=True)
class Column:
    """A column that an importer reads: our name, other names it goes by, and whether it can do without."""

    name: str
    aliases: tuple[str, ...] = ()
    required: bool = True


@dataclass(frozen=True)
class Layout:
    """The columns of one source table.

    `headerless` gives the columns of files that carry no header, by the number of their fields; a first line
    is data, not a header, where none of its fields holds a letter at the start.
    """

    columns: tuple[Column, ...]
    headerless: tuple[tuple[str, ...], ...] = ()

    def positions(self, header: Sequence[str]) -> dict[str, int] | None:
        """Return where each column stands, or None where a required one is missing."""
        places = {_plain(name): place for place, name in reversed(list(enumerate(header)))}
        found: dict[str, int] = {}
        for column in self.columns:
            hits = [places[key] for key in map(_plain, (column.name, *column.aliases)) if key in places]
            if hits:
                found[column.name] = hits[0]
            elif column.required:
                return None
        return found

    def describe(self) -> str:
        """Say which columns a file must have."""
        return ", ".join(column.name for column in self.columns if column.required)


@dataclass(frozen=True)
class Header:
    """What the first line of a file says: the delimiter, the fields, and where our columns stand."""

    delimiter: str
    fields: tuple[str, ...]
    positions: dict[str, int] | None
    is_data: bool = False


@dataclass(frozen=True)
class Chunk:
    """A few thousand rows of one source file: text columns (empty is null), and the rows as they came."""

    file_name: str
    row_numbers: pa.Array
    columns: dict[str, pa.Array]
    raw: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.raw)

    def event_ids(self, dataset: str) -> pa.Array:
        """Return one id a row, made of where the row stands: the same whenever the file is imported."""
        return pc.binary_join_element_wise(
            f"{dataset}-{self.file_name}", self.row_numbers.cast(pa.string()), "-"
        )


def read_header(file: SourceFile, layout: Layout) -> Header:
    """Read a file's first line; costs one block of the file."""
    with file.open() as stream:
        first = stream.readline().decode("utf-8-sig", "replace").rstrip("\r\n")
    delimiter = max(_DELIMITERS, key=first.count)
    fields = tuple(part.strip().strip('"') for part in first.split(delimiter))
    for names in layout.headerless:
        if len(names) == len(fields) and not any(field[:1].isalpha() for field in fields):
            return Header(delimiter, fields, {name: place for place, name in enumerate(names)}, is_data=True)
    return Header(delimiter, fields, layout.positions(fields))


def matching_files(
    files: list[SourceFile], layout: Layout, name_pattern: str, out: ImportOutput
) -> list[tuple[SourceFile, Header]]:
    """Choose the files to import: those named as published, else those that have the columns.

    A file named as published must have the columns, so that no part of a data set is left out in silence;
    the others are listed in the report. Raises SourceError where nothing fits, saying what came.
    """
    heads = [(file, read_header(file, layout)) for file in files]
    named = [(file, head) for file, head in heads if re.search(name_pattern, file.label, re.IGNORECASE)]
    chosen = named or [(file, head) for file, head in heads if head.positions is not None]
    unfit = [(file, head) for file, head in (chosen or heads) if head.positions is None]
    if unfit or not chosen:
        came = "; ".join(f"{file.label} has {', '.join(head.fields[:20])}" for file, head in unfit[:3])
        raise SourceError(
            f"no table of {out.report.dataset}: the columns {layout.describe()} are needed, but "
            f"{came or 'no text table was found'}; give the files as published"
        )
    names = {file.label for file, _ in chosen}
    out.report.ignored_files.extend(file.label for file, _ in heads if file.label not in names)
    return chosen


def read_chunks(file: SourceFile, header: Header, out: ImportOutput) -> Iterator[Chunk]:
    """Yield a file's rows as chunks of text columns; rows of another width become dead letters.

    Holds `CHUNK_ROWS` rows; a row's number counts the data rows of its file from 1, refused ones included.
    """
    number = 0
    waiting: list[tuple[int, bytes, list[str]]] = []
    with file.open() as stream:
        lines: Iterator[bytes] = iter(stream)
        first = next(lines, b"")
        lines = chain([first], lines) if header.is_data else lines
        for number, record in enumerate(records(lines, header.delimiter, len(header.fields)), start=1):
            if record.fields is None:
                _refuse_malformed(file, number, record.raw, len(header.fields), out)
                continue
            waiting.append((number, record.raw, record.fields))
            if len(waiting) == CHUNK_ROWS:
                yield _chunk(file, header, waiting)
                waiting = []
                out.progress(file.label, number)
    if waiting:
        yield _chunk(file, header, waiting)
    out.progress(file.label, number)
    out.done_with(file.label, number)


def _chunk(file: SourceFile, header: Header, rows: list[tuple[int, bytes, list[str]]]) -> Chunk:
    numbers, raw, fields = zip(*rows, strict=True)
    by_place = list(zip(*fields, strict=True))
    assert header.positions is not None
    columns = {name: _text_column(by_place[place]) for name, place in header.positions.items()}
    return Chunk(file.name, pa.array(numbers, pa.int64()), columns, list(raw))


def _text_column(values: Sequence[str]) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(pa.array(values, pa.string()))
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def _refuse_malformed(file: SourceFile, number: int, raw: bytes, width: int, out: ImportOutput) -> None:
    out.refuse(
        event_id=f"{out.report.dataset}-{file.name}-{number}",
        reason="malformed_row",
        rule="row",
        detail=f"row {number} of {file.label} does not split into {width} fields",
        raw=raw.rstrip(b"\r\n"),
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
