"""Files of events as JSON lines, whatever their format: what `publish` puts onto a stream.

JSON lines pass as they are, even those that are no valid events: to refuse is the pipeline's part.
"""

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import zstandard

from schemas.errors import SourceError
from transforms.io.folder import LINE_SUFFIXES, format_suffix

BATCH_ROWS: Final = 16_384


def event_lines(path: Path) -> Iterator[bytes]:
    """Yield every event of a file as one JSON line, without its line end; memory is that of one batch.

    Rows of Parquet and Arrow IPC become canonical JSON: columns in their order, nulls left out, times in
    epoch milliseconds. Raises SourceError for a file that is damaged.
    """
    try:
        if format_suffix(path) in LINE_SUFFIXES:
            yield from _json_lines(path)
        else:
            for batch in _batches(path):
                yield from _rows(batch)
    except (OSError, EOFError, pa.ArrowException, zstandard.ZstdError) as error:
        raise SourceError(
            f"{path} cannot be read: {error}. Is it complete, and named after its format?"
        ) from error


def _json_lines(path: Path) -> Iterator[bytes]:
    with _open(path) as file:
        for line in file:
            stripped = line.rstrip(b"\r\n")
            if stripped.strip():
                yield stripped


def _open(path: Path) -> IO[bytes] | gzip.GzipFile:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")
    if path.suffix == ".zst":
        return io.BufferedReader(zstandard.open(path, "rb"))
    return path.open("rb")


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(BATCH_ROWS)
        return
    with pa.memory_map(str(path)) as source:
        try:
            file = pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            source.seek(0)
            yield from pa.ipc.open_stream(source)
            return
        yield from (file.get_batch(number) for number in range(file.num_record_batches))


def _rows(batch: pa.RecordBatch) -> Iterator[bytes]:
    encode = msgspec.json.Encoder(decimal_format="number").encode
    columns = [_plain(column) for column in batch.columns]
    plain = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
    for row in plain.to_pylist():
        yield encode({name: value for name, value in row.items() if value is not None})


def _plain(column: pa.Array) -> Any:
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("ms", column.type.tz), safe=False).cast(pa.int64())
    return column
