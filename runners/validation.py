"""Data quality without running the pipeline: `interestream validate`.

    files ─ batches ─ gate ─┬─ verdicts ─ counts by rule, of every row   ─ Report
                            └─ sample ─ Great Expectations Checkpoints   ─ Data Docs (HTML)

The counts are exact. Great Expectations looks at a sample, because it needs memory and time in
proportion to what it looks at; its rates are therefore those of the sample, and its part is to show
what the rows that break a rule look like.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from runners.data_docs import build_data_docs
from runners.validation_sample import Sample
from schemas.errors import UsageError
from schemas.gate import ACCEPTED, Gate
from schemas.law import DEFAULT_TERMS, Rule, Terms, load_rules

ReadBatches: TypeAlias = Callable[[Path], Iterator[pa.RecordBatch]]
"""Reads one file of events in batches with `schemas.events.EVENT_SCHEMA`."""


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule, and how many rows it refused: those that broke it and none before it."""

    rule: str
    reason: str
    event_type: str | None
    detail: str
    rows: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a validation found.

    `rows`, `accepted`, `refused` and `broken` count every row that was read; `broken` holds the rules
    that refused any, in rule order. `sampled` says how many rows Great Expectations saw in each suite,
    and `data_docs` is the page to open.
    """

    sources: tuple[str, ...]
    currency: str
    rows: int
    accepted: int
    refused: int
    broken: tuple[BrokenRule, ...]
    sampled: dict[str, int]
    data_docs: str

    def to_json(self) -> str:
        """Write the report as one JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False)


def validate(
    paths: Sequence[Path],
    out_dir: Path,
    currency: str = DEFAULT_TERMS.currency,
    *,
    read_batches: ReadBatches,
    now: datetime,
    min_event_time_ms: int = DEFAULT_TERMS.min_event_time_ms,
    max_event_time_ms: int = DEFAULT_TERMS.max_event_time_ms,
    sample_rows: int = 10_000,
) -> Report:
    """Hold every event of some files to the law, and write Data Docs into `out_dir`.

    Costs the reading of the files, and some ten seconds for Great Expectations; memory is that of one
    batch and of the sample, of at most `sample_rows` accepted rows of each event type and 100 refused
    rows of each rule. The same files give the same sample, however they are cut into batches.

    `now`, with a time zone, is the time that the Data Docs bear. Raises `UsageError` where there are no
    paths, no rows are to be sampled, or the terms cannot be; what `read_batches` raises passes through.
    """
    if not paths:
        raise UsageError("There is nothing to validate: name at least one file of events.")
    if sample_rows < 1:
        raise UsageError(
            f"Great Expectations needs rows to look at, got a sample of {sample_rows}: give 1 or more."
        )
    terms = Terms(currency, min_event_time_ms, max_event_time_ms)
    gate = Gate(load_rules(terms))
    sample = Sample(sample_rows)
    counts = _count(gate, (batch for path in paths for batch in read_batches(path)), sample)
    docs = build_data_docs(sample.batch(), out_dir, terms, now)
    return Report(
        sources=tuple(str(path) for path in paths),
        currency=currency,
        rows=int(counts.sum()),
        accepted=int(counts[ACCEPTED]),
        refused=int(counts.sum() - counts[ACCEPTED]),
        broken=_broken(gate.rules, counts),
        sampled=docs.rows,
        data_docs=str(docs.index),
    )


def _count(gate: Gate, batches: Iterator[pa.RecordBatch], sample: Sample) -> npt.NDArray[np.int64]:
    """Count each verdict, and offer every row to the sample."""
    counts = np.zeros(len(gate.rules) + 1, np.int64)
    for batch in batches:
        verdicts = gate.verdicts(batch)
        counts += np.bincount(verdicts, minlength=len(counts))
        sample.offer(batch, verdicts)
    return counts


def _broken(rules: Sequence[Rule], counts: npt.NDArray[np.int64]) -> tuple[BrokenRule, ...]:
    return tuple(
        BrokenRule(rule.name, rule.reason, rule.event_type, rule.detail, rows)
        for rule, rows in zip(rules, counts[1:].tolist(), strict=True)
        if rows
    )
