"""Intake: decoded blocks to accepted events — the gate, the partition's watermark, and the event's hashes.

Runs fused with the source. Lateness is judged row by row against the watermark of the event's own source
partition, so it depends neither on how the input is cut into blocks nor on which other partitions are read
beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.codecs.jsonl import Decoded
from schemas.events import DEAD_LETTER_SCHEMA, EVENT_SCHEMA
from schemas.gate import Gate
from transforms.canonical import canonical_json
from transforms.pieces import BEFORE_ALL_MS
from transforms.pseudonymize import Pseudonymizer
from transforms.state.hashing import Hashes, fold, hash_numbers, hash_text
from transforms.state.seen import ANCIENT, LATE

ID_HASH: Final = "id_hash"
CHECK: Final = "check"
LATENESS: Final = "lateness"
RAW: Final = "raw"
INGESTED: Final = "ingested_at"

ADMITTED_SCHEMA: Final = pa.schema(
    [
        *EVENT_SCHEMA,
        pa.field(ID_HASH, pa.uint64()),
        pa.field(CHECK, pa.uint64()),
        pa.field(LATENESS, pa.uint8()),
        pa.field(RAW, pa.binary()),
        pa.field(INGESTED, EVENT_SCHEMA.field("event_time").type),
    ]
)
"""Events that keep the contract, with what deduplication needs beside them."""

_BODY_SHIFT: Final = np.uint64(24)
_ID_BITS: Final = np.uint64(0xFFFFFF)
_ID_SEED: Final = 7


@dataclass(frozen=True, slots=True)
class TimeBounds:
    """How far out of order and how late events may be, and how long ids are remembered; milliseconds."""

    max_out_of_orderness_ms: int = 30_000
    allowed_lateness_ms: int = 3_600_000
    dedup_horizon_ms: int = 86_400_000


@dataclass(frozen=True, slots=True)
class Taken:
    """One block after intake: events to deduplicate, dead letters, and the partition's highest time now."""

    admitted: pa.RecordBatch
    refused: pa.RecordBatch
    highest_ms: int


class Intake:
    """Judges blocks of one source; holds no state, so a block may be judged on any thread.

    With a pseudonymizer, events are judged as they came, and nothing that leaves has an id of a user in it.
    """

    def __init__(self, gate: Gate, bounds: TimeBounds, pseudonymizer: Pseudonymizer | None = None) -> None:
        self._gate, self._bounds, self._hiding = gate, bounds, pseudonymizer

    def take(
        self,
        block: Decoded,
        highest_ms: int,
        floor_ms: int = BEFORE_ALL_MS,
        ingested_at_ms: Sequence[int] | None = None,
    ) -> Taken:
        """Judge one block; `highest_ms` is the highest accepted event time of its partition so far.

        `floor_ms` is the reader's watermark: a partition that joins behind it is judged by it, since the
        state of earlier windows may be gone.
        """
        verdicts = self._gate.verdicts(block.events)
        arrived = _arrival(block.lines, ingested_at_ms)
        refused = self._hiding.letters(block.refused) if self._hiding else block.refused
        good = np.flatnonzero(verdicts == 0)
        events = block.events
        if len(good) < events.num_rows:
            refused = _joined(refused, self._refusals(block, verdicts, arrived))
            events = events.take(pa.array(good))
        if self._hiding:
            events = self._hiding.events(events)
        times = event_times_ms(events)
        late, highest_ms = self._lateness(times, highest_ms, floor_ms)
        admitted = pa.RecordBatch.from_arrays(
            [
                *events.columns,
                *_hash_columns(events),
                pa.array(late),
                self._lines(block, good),
                _taken(arrived, good),
            ],
            schema=ADMITTED_SCHEMA,
        )
        return Taken(admitted, refused, highest_ms)

    def _lines(self, block: Decoded, good: npt.NDArray[np.int64]) -> pa.Array:
        """Return the lines of events, which those that are refused later are told by; none where ids are hidden."""
        return pa.nulls(len(good), pa.binary()) if self._hiding else block.line_column(good)

    def _lateness(
        self, times: npt.NDArray[np.int64], highest_ms: int, floor_ms: int
    ) -> tuple[npt.NDArray[np.uint8], int]:
        late = np.zeros(len(times), np.uint8)
        if not len(times):
            return late, highest_ms
        seen = np.maximum.accumulate(np.concatenate([[highest_ms], times]))
        watermark = np.maximum(seen[:-1] - self._bounds.max_out_of_orderness_ms, floor_ms)
        late[times < watermark - self._bounds.allowed_lateness_ms] = LATE
        late[times < watermark - self._bounds.dedup_horizon_ms] = ANCIENT
        return late, int(seen[-1])

    def _refusals(self, block: Decoded, verdicts: npt.NDArray[np.int16], arrived: pa.Array) -> pa.RecordBatch:
        rows = np.flatnonzero(verdicts)
        events = block.events.take(pa.array(rows))
        rules = [self._gate.rules[v - 1] for v in verdicts[rows].tolist()]
        raw = (
            pa.array(canonical_json(self._hiding.events(events)), pa.binary())
            if self._hiding
            else _own_bytes(block, rows, events)
        )
        return pa.RecordBatch.from_arrays(
            [
                events["event_id"],
                pa.array([rule.reason for rule in rules], pa.string()),
                pa.array([rule.name for rule in rules], pa.string()),
                pa.array([rule.detail for rule in rules], pa.string()),
                raw,
                events["event_time"],
                arrived.take(pa.array(rows)),
            ],
            schema=DEAD_LETTER_SCHEMA,
        )


def event_times_ms(events: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """Return the event times as integers."""
    return events["event_time"].view(pa.int64()).to_numpy(zero_copy_only=False)


def watermark_ms(highest_ms: int, bounds: TimeBounds) -> int:
    """Return a partition's watermark from the highest event time it has shown."""
    return highest_ms - bounds.max_out_of_orderness_ms if highest_ms > BEFORE_ALL_MS else BEFORE_ALL_MS


def _arrival(lines: npt.NDArray[np.int64], ingested_at_ms: Sequence[int] | None) -> pa.Array:
    kind = ADMITTED_SCHEMA.field(INGESTED).type
    if ingested_at_ms is None:
        return pa.nulls(len(lines), kind)
    return pa.array(np.asarray(ingested_at_ms, np.int64)[lines]).view(kind)


def _own_bytes(block: Decoded, rows: npt.NDArray[np.int64], events: pa.RecordBatch) -> pa.Array:
    """Return the bytes of refused rows as they came; rows of columns have none and are written out."""
    raw = block.raw_column(rows)
    return pc.coalesce(raw, pa.array(canonical_json(events), pa.binary())) if raw.null_count else raw


def _taken(arrived: pa.Array, good: npt.NDArray[np.int64]) -> pa.Array:
    return arrived if len(good) == len(arrived) else arrived.take(pa.array(good))


def _joined(first: pa.RecordBatch, second: pa.RecordBatch) -> pa.RecordBatch:
    return second if not first.num_rows else pa.concat_batches([first, second])


def _hash_columns(events: pa.RecordBatch) -> tuple[pa.Array, pa.Array]:
    ids = events["event_id"]
    identity, more = hash_text(ids), hash_text(ids, seed=_ID_SEED)
    checks = (body_hashes(events) << _BODY_SHIFT) | (more & _ID_BITS)
    return pa.array(identity), pa.array(checks)


def body_hashes(events: pa.RecordBatch) -> Hashes:
    """Hash everything of an event but its id, so that a changed body under the same id is noticed."""
    body = np.zeros(events.num_rows, np.uint64)
    for position, field in enumerate(EVENT_SCHEMA):
        column = events.column(position)
        if field.name == "event_id" or column.null_count == len(column):
            continue
        hashes = hash_text(column) if pa.types.is_string(field.type) else hash_numbers(column)
        fold(body, hashes, position)
    return body
