"""One Parquet or Arrow IPC file as blocks of rows, brought to the schema of events."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.codecs.jsonl import without_lines
from schemas.codecs.salvage import Refusal, refusals_batch
from schemas.events import EVENT_SCHEMA
from transforms.io.blocks import Block
from transforms.io.line_files import no_events


def conform(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Bring a batch to the schema of events: missing columns are null, others are cast safely.

    Raises ArrowInvalid or ArrowNotImplementedError where a column holds another kind of value.
    """
    held = set(batch.schema.names)
    columns = [
        batch[field.name].cast(field.type) if field.name in held else pa.nulls(batch.num_rows, field.type)
        for field in EVENT_SCHEMA
    ]
    conformed = pa.RecordBatch.from_arrays(columns, schema=EVENT_SCHEMA)
    conformed.validate(full=True)
    return conformed


class ColumnFile:
    """Reads one file from a row number, a bounded block at a time, up to a row number if there is a `limit`."""

    def __init__(self, path: Path, name: str, offset: int, block_rows: int, limit: int | None = None) -> None:
        self._name, self._offset, self._limit = name, offset, limit
        self._rows = _rows_from(path, offset, block_rows)

    def read(self) -> Block:
        """Return the next rows; the last block has none and says that the file ended."""
        try:
            batch = next(self._rows, None)
            if batch is not None and self._limit is not None:
                batch = batch.slice(0, max(self._limit - self._offset, 0)) or None
            if batch is None:
                return Block(
                    self._name, without_lines(no_events(), refusals_batch([])), str(self._offset), ended=True
                )
            self._offset += batch.num_rows
            return Block(self._name, without_lines(conform(batch), refusals_batch([])), str(self._offset))
        except (pa.ArrowException, OSError, ValueError) as error:
            return unreadable(self._name, str(self._offset), error)

    def close(self) -> None:
        """Give the file back."""
        self._rows.close()


def unreadable(name: str, offset: str, error: Exception) -> Block:
    """Return the end of a file that cannot be read further, as a dead letter that says why."""
    where = f"{name} at {offset}"
    refused = Refusal("unreadable_input", "file.readable", f"{error}"[:500], where.encode())
    return Block(name, without_lines(no_events(), refusals_batch([refused])), offset, ended=True)


def _rows_from(path: Path, offset: int, block_rows: int) -> Generator[pa.RecordBatch]:
    for batch in _batches(path, block_rows):
        if offset >= batch.num_rows:
            offset -= batch.num_rows
            continue
        for begin in range(offset, batch.num_rows, block_rows):
            yield batch.slice(begin, block_rows)
        offset = 0


def _batches(path: Path, block_rows: int) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=max(block_rows, 1024), use_threads=False)
        return
    with pa.memory_map(str(path)) as source:
        try:
            reader = pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            source.seek(0)
            yield from pa.ipc.open_stream(source)
            return
        yield from (reader.get_batch(i) for i in range(reader.num_record_batches))
