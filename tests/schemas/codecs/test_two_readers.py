"""The fast reader of a block against the strict reader of one line: one law, two speeds."""

import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from codec_lines import as_row, blocks, is_blank
from hypothesis import example, given, settings

from schemas.codecs.jsonl import Decoded, decode_jsonl
from schemas.codecs.salvage import Refusal, parse_line
from schemas.events import EVENT_SCHEMA

Row = dict[str, Any]


def rows_of(events: pa.RecordBatch) -> list[Row]:
    """Rows with times as integers and floats as they are written, so that -0.0 differs from 0.0."""
    columns = {
        field.name: (column.view(pa.int64()) if pa.types.is_timestamp(field.type) else column).to_pylist()
        for field, column in zip(EVENT_SCHEMA, events.columns, strict=True)
    }
    return [dict(zip(columns, map(exact, row), strict=True)) for row in zip(*columns.values(), strict=True)]


def exact(value: Any) -> Any:
    return float.hex(value) if isinstance(value, float) else value


def alone(line: bytes) -> Row | Refusal | None:
    """What the strict reader says of a line on its own; None for a blank one."""
    if is_blank(line):
        return None
    read = parse_line(line.rstrip(b"\r\n"))
    return read if isinstance(read, Refusal) else {k: exact(v) for k, v in as_row(read).items()}


def refusals_of(decoded: Decoded) -> list[tuple[Any, ...]]:
    names = ("reason", "rule", "detail", "raw", "event_id")
    return list(zip(*(decoded.refused[name].to_pylist() for name in names), strict=True))


@settings(max_examples=250, deadline=None)
@given(blocks())
@example(
    (
        b'{"quantity":2147483648}\n{"schema_version":32768}',
        [b'{"quantity":2147483648}', b'{"schema_version":32768}'],
    )
)
@example((b'{"event_time":"2026-01-01T00:00Z"}', [b'{"event_time":"2026-01-01T00:00Z"}']))
@example((b'{"holdout_share":-0}', [b'{"holdout_share":-0}']))
@example((b'{"holdout_share":1e400}', [b'{"holdout_share":1e400}']))
@example((b'{"x":1e400}', [b'{"x":1e400}']))
def test_a_block_is_read_as_every_line_alone(block: tuple[bytes, list[bytes]]) -> None:
    data, parts = block
    decoded, singly = decode_jsonl(data), [alone(line) for line in parts]
    good = [row for row in singly if isinstance(row, dict)]
    bad = [row for row in singly if isinstance(row, Refusal)]
    assert rows_of(decoded.events) == good
    assert refusals_of(decoded) == [(r.reason, r.rule, r.detail, r.raw, r.event_id) for r in bad]
    decoded.events.validate(full=True)
    assert decoded.events.schema == EVENT_SCHEMA
    sources = [line.rstrip(b"\r\n") for line, row in zip(parts, singly, strict=True) if isinstance(row, dict)]
    every = np.arange(decoded.events.num_rows)
    assert decoded.raw(every) == sources
    assert decoded.raw_column(every).to_pylist() == sources
    some = every[::-2]
    assert decoded.raw(some) == decoded.raw_column(some).to_pylist() == [sources[row] for row in some]


@settings(max_examples=50, deadline=None)
@given(blocks())
def test_selected_rows_keep_their_values_and_bytes(block: tuple[bytes, list[bytes]]) -> None:
    decoded = decode_jsonl(block[0])
    odd = np.arange(1, decoded.events.num_rows, 2)
    chosen = decoded.select(odd)
    assert rows_of(chosen.events) == rows_of(decoded.events)[1::2]
    assert chosen.raw(np.arange(len(odd))) == decoded.raw(odd)
    assert chosen.refused.equals(decoded.refused)


@settings(max_examples=50, deadline=None)
@given(blocks())
def test_an_independent_json_reader_agrees_on_what_is_accepted(block: tuple[bytes, list[bytes]]) -> None:
    """Python's json is more lenient (NaN) or stricter in nothing that an accepted line may contain."""
    data, _ = block
    decoded = decode_jsonl(data)
    for source, row in zip(
        decoded.raw(np.arange(decoded.events.num_rows)), rows_of(decoded.events), strict=True
    ):
        told = json.loads(source, parse_int=str, parse_float=float)
        assert isinstance(told, dict)
        for name, value in row.items():
            field, given_value = EVENT_SCHEMA.field(name), told.get(name)
            if pa.types.is_string(field.type) or pa.types.is_boolean(field.type) or given_value is None:
                assert value == given_value
            elif pa.types.is_integer(field.type):
                assert value == int(given_value)
            elif pa.types.is_floating(field.type):
                assert float.fromhex(value) == float(given_value)
                assert math.isfinite(float(given_value))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"quantity":2147483648}', "wrong_type"),
        (b'{"schema_version":-32769}', "wrong_type"),
        (b'{"quantity":1.0}', "wrong_type"),
        (b'{"amount_minor":9223372036854775808}', "wrong_type"),
        (b'{"holdout":1}', "wrong_type"),
        (b'{"holdout_share":' + b"9" * 400 + b"}", "wrong_type"),
        (b'{"event_time":"2026-01-01T00:00:00"}', "wrong_type"),
        (b'{"event_time":"2026-01-01T00:00Z"}', "wrong_type"),
        (b'{"event_id":7}', "wrong_type"),
        (b'{"holdout_share":1e400}', "malformed_json"),
        (b'{"quantity":007}', "malformed_json"),
        (b'{"event_id":"a"', "malformed_json"),
        (b'{"event_id":"\xff"}', "invalid_utf8"),
        (b"[]", "not_an_object"),
    ],
)
def test_a_refusal_says_why_and_leaves_its_neighbours_alone(line: bytes, reason: str) -> None:
    decoded = decode_jsonl(b'{"event_id":"before"}\n' + line + b'\n{"event_id":"after"}\n')
    assert decoded.events["event_id"].to_pylist() == ["before", "after"]
    assert decoded.refused["reason"].to_pylist() == [reason]
    assert decoded.refused["raw"].to_pylist() == [line]


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-01-01T08:00:00+08:00", 1_767_225_600_000),
        ("2025-12-31T19:00:00.250-05:00", 1_767_225_600_250),
        ("2026-01-01T05:30:00+05:30", 1_767_225_600_000),
        ("1969-12-31T23:59:59.9999Z", -1),
    ],
)
def test_rfc_3339_times_name_an_instant_whatever_their_offset(text: str, time_ms: int) -> None:
    decoded = decode_jsonl(json.dumps({"event_time": text}).encode())
    assert decoded.events["event_time"].view(pa.int64()).to_pylist() == [time_ms]


def test_no_bytes_are_no_events() -> None:
    for data in (b"", b"\n", b"\r\n\r\n", b"  \n\t"):
        decoded = decode_jsonl(data)
        assert decoded.events.num_rows == decoded.refused.num_rows == 0
        assert decoded.raw_column(np.arange(0)).to_pylist() == []
