"""Dead letters: what was refused, kept with its bytes and a reason code, once however often it comes."""

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import apache_beam as beam
import pyarrow as pa
from apache_beam.coders import BytesCoder
from apache_beam.transforms.userstate import BagStateSpec

from schemas.keys import Version, dead_letter_key, pack_version
from schemas.records import DeadLetterRecord, encode
from transforms import checkpoints
from transforms.archive import BagArchive
from transforms.counting import counter
from transforms.pieces import Keyed
from transforms.publish import Outlet, Publisher, PublisherFactory
from transforms.shards import made_lasting

_FIELDS_A_WRITE: Final = 200
_ANY_VERSION: Final = pack_version(Version(0, 0, 0))
"""Stands before every value; which attempt refused an input does not matter."""


class _KeepDoFn(beam.DoFn):
    """Has no state but an archive: a store that lost dead letters gets them back from there."""

    ARCHIVE = BagStateSpec("archive", BytesCoder())

    def __init__(self, name: str, open_publisher: PublisherFactory, namespace: str, job: str | None) -> None:
        self._name, self._open, self._namespace, self._job = name, open_publisher, namespace, job

    def setup(self) -> None:
        self._outlet, self._count = Outlet(self._open()), counter(self._job)

    def process(self, element: Keyed, archive: Any = beam.DoFn.StateParam(ARCHIVE)) -> Iterator[Any]:
        _, piece = element
        by_reason: dict[str, dict[str, bytes]] = {}
        for batch in piece.batches:
            for row in _rows(batch):
                letters = by_reason.setdefault(row.pop("reason"), {})
                letters[digest(row["raw"])] = _ANY_VERSION + encode(DeadLetterRecord(**row))
        for reason, letters in by_reason.items():
            self._count(f"refused.{reason}", len(letters))
            key = dead_letter_key(self._namespace, reason)
            keep(self._outlet.publisher, key, letters)
            self._outlet.finals.put(key, [field.encode() for field in letters], list(letters.values()))
        self._outlet.publisher.flush()
        kept = checkpoints.of(self._job).archive(self._name) if self._job else BagArchive(archive)
        made_lasting(self, kept, self._count, piece.urgent)
        yield from ()

    def outlet(self) -> Outlet:
        """Return what it publishes through."""
        return self._outlet

    def republish(self) -> None:
        """Nothing is held: dead letters are archived as they come."""


def digest(raw: bytes) -> str:
    """Return the id of refused bytes: the same bytes are one dead letter."""
    return hashlib.blake2b(raw, digest_size=16).hexdigest()


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    times = {f"{name}_ms": batch[name].view(pa.int64()).to_pylist() for name in ("event_time", "ingested_at")}
    texts = {name: batch[name].to_pylist() for name in ("event_id", "reason", "rule", "detail", "raw")}
    columns = texts | times
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def keep(publisher: Publisher, key: str, letters: dict[str, bytes]) -> None:
    """Write letters of one reason, a bounded number a command."""
    fields = list(letters)
    for begin in range(0, len(fields), _FIELDS_A_WRITE):
        part = fields[begin : begin + _FIELDS_A_WRITE]
        publisher.set_once(key, part, [letters[field] for field in part])


class KeepDeadLetters(beam.PTransform):
    """Write dead-letter pieces through a publisher."""

    def __init__(self, name: str, open_publisher: PublisherFactory, namespace: str, job: str | None) -> None:
        super().__init__(name)
        self._keep = _KeepDoFn(name, open_publisher, namespace, job)

    def expand(self, pieces: beam.PCollection[Keyed]) -> beam.PCollection[Any]:
        """Apply the sink."""
        return pieces | "KeepDeadLetters" >> beam.ParDo(self._keep)
