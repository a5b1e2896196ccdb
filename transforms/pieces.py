"""`Piece`: what travels between steps — a few Arrow batches and how far their sender has got.

Between steps fused on one worker a piece is passed as it is; across workers `PieceCoder` writes it as an
Arrow IPC stream. Progress travels in-band: each sender tells each receiver its watermark with every piece,
and a receiver's own watermark is the least of its senders'. So results depend neither on a runner's timers
(fused stateful steps lose them on the Direct runner) nor on how a runner cuts bundles.

>>> import pyarrow as pa
>>> piece = Piece(Progress(0, 1, 7, 1_000), (pa.record_batch({"a": [1]}), pa.record_batch({"b": ["x"]})))
>>> copy = PieceCoder().decode(PieceCoder().encode(piece))
>>> copy.progress == piece.progress and copy.batches == piece.batches
True
"""

import struct
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import apache_beam as beam
import pyarrow as pa

BEFORE_ALL_MS: Final = -(2**62)
"""The watermark of a sender that has said nothing yet."""
AFTER_ALL_MS: Final = 2**62
"""The watermark of a sender that has nothing more to say."""


LATER: Final = 0
SOON: Final = 1
IDLE: Final = 2
FINAL: Final = 3


class Progress(NamedTuple):
    """Which sender this is, how many there are, its piece number, and its watermark in UTC milliseconds.

    Where Beam keeps the state, a sender numbers its pieces to each receiver from 1 on (`transforms.ordering`).
    """

    sender: int
    senders: int
    sequence: int
    watermark_ms: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Batches and their sender's progress; all may be empty, and then only progress is told.

    `urgent` asks that results be published without waiting for more: `SOON` where the source has nothing
    further now, `IDLE` where it has had nothing for a while, `FINAL` where it ends or is being stopped.
    A `parked` piece travels without its batches, which wait in this process (`Checkpoints.park`).
    """

    progress: Progress
    batches: tuple[pa.RecordBatch, ...]
    urgent: int = LATER
    parked: bool = False

    @property
    def batch(self) -> pa.RecordBatch:
        """The first batch."""
        return self.batches[0]


Keyed = tuple[int, Piece]
"""A shard number and the piece for it."""


@dataclass
class LowWatermark:
    """The least watermark of all senders that have more to say; `BEFORE_ALL_MS` until each has been heard.

    A sender that has ended holds nobody back. Once all have, it is the greatest that any of them came to.
    """

    heard: dict[int, int] = field(default_factory=dict)
    senders: int = 1
    ended: set[int] = field(default_factory=set)
    value: int = BEFORE_ALL_MS

    def observe(self, piece: Piece) -> int:
        """Take note of one sender's progress and return the watermark after it, which never goes back."""
        progress = piece.progress
        self.senders, sender = progress.senders, progress.sender
        self.heard[sender] = max(progress.watermark_ms, self.heard.get(sender, BEFORE_ALL_MS))
        (self.ended.add if piece.urgent == FINAL else self.ended.discard)(sender)
        if len(self.heard) == self.senders:
            going = [ms for other, ms in self.heard.items() if other not in self.ended]
            self.value = max(self.value, min(going) if going else max(self.heard.values()))
        return self.value


_HEADER = struct.Struct("<iiqqBB?xI")
"""Progress, urgency, number of batches, whether parked; how long the batches are unpacked, 0 where they are not packed."""
_PACK_FROM_BYTES: Final = 4096
"""A cluster copies a piece some ten times between its processes and into its state, so packing it once costs less."""
_PACKING: Final = "lz4_raw"
_WRITING: Final = pa.ipc.IpcWriteOptions()
"""Given each time, since Arrow would look its defaults up in the environment each time."""


class PieceCoder(beam.coders.Coder):
    """Header of 32 bytes, then each batch as an Arrow IPC stream with its schema, all of them packed by LZ4 where long."""

    def encode(self, value: Piece) -> bytes:
        """Write one piece: a copy of its buffers, and about 0.3 µs a kilobyte."""
        sink = pa.BufferOutputStream()
        for batch in map(_slim, value.batches):
            with pa.ipc.new_stream(sink, batch.schema, options=_WRITING) as writer:
                writer.write_batch(batch)
        written, unpacked = sink.getvalue(), 0
        if written.size >= _PACK_FROM_BYTES:
            written, unpacked = pa.compress(written, _PACKING), written.size
        head = (*value.progress, value.urgent, len(value.batches), value.parked, unpacked)
        return _HEADER.pack(*head) + memoryview(written)

    def decode(self, encoded: bytes) -> Piece:
        """Read one piece; the batches' buffers are views of its bytes, unpacked."""
        *progress, urgent, count, parked, unpacked = _HEADER.unpack_from(encoded)
        content = pa.py_buffer(encoded).slice(_HEADER.size)
        source = pa.BufferReader(pa.decompress(content, unpacked, _PACKING) if unpacked else content)
        batches = tuple(_read_batch(source) for _ in range(count))
        return Piece(Progress(*progress), batches, urgent, parked)

    def estimate_size(self, value: Piece) -> int:
        """Return about what a piece takes, without writing it: Beam asks at every step."""
        return _HEADER.size + sum(batch.nbytes for batch in value.batches)

    def is_deterministic(self) -> bool:
        """Pieces are never keys."""
        return False

    def to_type_hint(self) -> type:
        """The type this coder is for."""
        return Piece


def _read_batch(source: pa.BufferReader) -> pa.RecordBatch:
    """Read one stream of one batch, which may be empty, up to and with its end."""
    with pa.ipc.open_stream(source) as reader:
        batch = reader.read_next_batch()
        reader.read_all()
    return _full(batch)


_TYPE: Final = b"type"
_EMPTY_TYPES: Final = {
    str(kind): kind for kind in (pa.string(), pa.binary(), pa.int64(), pa.int32(), pa.float64())
}
_EMPTY: Final = {kind: {_TYPE: name.encode()} for name, kind in _EMPTY_TYPES.items()}


def _slim(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Send columns that are null throughout as nothing but their type: events are wide and mostly empty."""
    rows, columns = batch.num_rows, batch.columns
    if not rows or all(column.null_count < rows for column in columns):
        return batch
    fields = list(batch.schema)
    for i, column in enumerate(columns):
        if column.null_count == rows and (told := _EMPTY.get(column.type)):
            fields[i], columns[i] = pa.field(fields[i].name, pa.null(), metadata=told), pa.nulls(rows)
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields, batch.schema.metadata))


def _full(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Give columns that were sent as their type their nulls back."""
    fields, columns = list(batch.schema), batch.columns
    empty = [
        i for i, column in enumerate(columns) if column.type == _NULL and _TYPE in (fields[i].metadata or {})
    ]
    if not empty:
        return batch
    for i in empty:
        kind = _EMPTY_TYPES[fields[i].metadata[_TYPE].decode()]
        fields[i], columns[i] = pa.field(fields[i].name, kind), pa.nulls(batch.num_rows, kind)
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields, batch.schema.metadata))


_NULL: Final = pa.null()

beam.coders.registry.register_coder(Piece, PieceCoder)
