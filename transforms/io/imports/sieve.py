"""Holding the rows that can become events, and turning the others into dead letters with a reason."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from transforms.io.imports.output import ImportOutput
from transforms.io.imports.tables import Chunk


@dataclass(frozen=True)
class Check:
    """A condition on every row of a chunk: `passed` (null counts as false), and the name of its failure."""

    column: str
    passed: pa.Array
    reason: str
    expected: str


def sound_rows(
    chunk: Chunk, checks: Sequence[Check], out: ImportOutput, event_time_ms: pa.Array | None = None
) -> pa.Array:
    """Return which rows pass all the checks; the first one that a row fails makes it a dead letter."""
    sound = pa.repeat(True, len(chunk))
    ids = chunk.event_ids(out.report.dataset)
    for check in checks:
        passed = pc.fill_null(check.passed, False)
        failed = pc.and_(sound, pc.invert(passed))
        for row in pc.indices_nonzero(failed).to_pylist():
            came = chunk.columns[check.column][row].as_py() if check.column in chunk.columns else None
            out.refuse(
                event_id=ids[row].as_py(),
                reason=check.reason,
                rule=check.column,
                detail=f"{check.column} is {came!r}; expected {check.expected}",
                raw=chunk.raw[row].rstrip(b"\r\n"),
                event_time_ms=event_time_ms[row].as_py() if event_time_ms is not None else None,
            )
        sound = pc.and_(sound, passed)
    return sound
