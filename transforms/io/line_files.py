"""One JSONL file (plain, gzip or zstd) as blocks of whole lines."""

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from schemas.codecs.jsonl import Decoded, decode_jsonl, without_lines
from schemas.codecs.salvage import Refusal, refusals_batch
from schemas.events import EVENT_SCHEMA
from transforms.io.blocks import Block
from transforms.io.decompress import ByteStream

LONGEST_LINE_BYTES: Final = 64 << 20
_FEW_ROWS: Final = 4096
_NEWLINE: Final = 10


def no_events() -> pa.RecordBatch:
    """Return a batch of no events."""
    return pa.RecordBatch.from_pylist([], schema=EVENT_SCHEMA)


class LineFile:
    """Reads one file from a byte offset (of the decompressed content), a bounded block at a time, up to a `limit`."""

    def __init__(
        self, path: Path, name: str, offset: int, block_bytes: int, block_rows: int, follow: bool,
        limit: int | None = None,
    ) -> None:  # fmt: skip
        self._name, self._block_bytes, self._block_rows, self._follow = name, block_bytes, block_rows, follow
        self._stream = ByteStream(path, offset)
        self._offset, self._buffer, self._begin, self._at_end = offset, b"", 0, False
        self._left = None if limit is None else limit - offset

    def read(self) -> Block | None:
        """Return the next lines; None at the present end of a file that is followed."""
        data = self._lines()
        if data:
            self._offset += len(data)
            return Block(
                self._name, decode_jsonl(data), str(self._offset), drained=self._follow and self._at_end
            )
        if self._follow and not self._stream.damage:
            return None
        return Block(self._name, self._damage_report(), str(self._offset), ended=True)

    def _lines(self) -> bytes:
        """Cut the next block: up to `block_rows` whole lines and about `block_bytes`."""
        end = self._cut()
        while end < 0 and self._fill():
            end = self._cut()
        if end < 0:
            going_on = self._follow and not self._stream.damage
            end = max(self._cut(), self._begin) if going_on else len(self._buffer)
        data = self._buffer[self._begin : end]
        self._begin = end
        return data

    def _fill(self) -> bool:
        more = self._next_bytes()
        self._at_end = not more
        if more:
            self._buffer = self._buffer[self._begin :] + more
            self._begin = 0
        return bool(more)

    def _next_bytes(self) -> bytes:
        if self._left is None:
            return self._stream.read(self._block_bytes)
        more = self._stream.read(min(self._block_bytes, self._left))[: self._left] if self._left > 0 else b""
        self._left -= len(more)
        return more

    def _cut(self) -> int:
        """Return the end of the next block in the buffer, -1 where more must be read first."""
        held = len(self._buffer) - self._begin
        last = self._buffer.rfind(b"\n", self._begin) + 1
        if last <= self._begin:
            return len(self._buffer) if held > LONGEST_LINE_BYTES else -1
        nth = _nth_line_end(self._buffer, self._begin, last, self._block_rows)
        if nth >= 0:
            return nth
        if held < self._block_bytes and not self._at_end:
            return -1
        return last

    def _damage_report(self) -> Decoded:
        refused = []
        if self._stream.damage:
            where = f"{self._name} at byte {self._offset}"
            refused = [
                Refusal("truncated_input", "file.whole", f"{self._stream.damage} ({where})", where.encode())
            ]
        return without_lines(no_events(), refusals_batch(refused))

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def _nth_line_end(buffer: bytes, begin: int, last: int, rows: int) -> int:
    """Return the end of the `rows`-th line, or -1 where the buffer holds fewer whole ones."""
    if rows < _FEW_ROWS:
        return _nth_found(buffer, begin, last, rows)
    if buffer.count(b"\n", begin, last) < rows:
        return -1
    ends = np.flatnonzero(np.frombuffer(buffer, np.uint8, last - begin, begin) == _NEWLINE)
    return begin + int(ends[rows - 1]) + 1


def _nth_found(buffer: bytes, begin: int, last: int, rows: int) -> int:
    """Do the same by looking for one line end after another: for few rows in a large buffer."""
    at = begin
    for _ in range(rows):
        found = buffer.find(b"\n", at, last)
        if found < 0:
            return -1
        at = found + 1
    return at
