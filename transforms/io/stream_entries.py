"""From the entries of a stream to blocks of events; whatever an entry holds, it is an event or a dead letter.

>>> [block] = blocks_of("s", [(b"5-0", [b"event", b'{"event_id":"a"}']), (b"6-0", [b"event", b"no event"])])
>>> block.decoded.events["event_id"].to_pylist(), block.decoded.refused["raw"].to_pylist(), block.offset
(['a'], [b'no event'], '6-0')
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from schemas.codecs.jsonl import Decoded, decode_jsonl, without_lines
from schemas.codecs.salvage import Refusal, parse_line, refusals_batch
from schemas.events import EVENT_SCHEMA
from transforms.io.blocks import Block
from transforms.io.column_files import conform
from transforms.io.line_files import no_events

PAYLOAD: Final = b"event"
_NUMBERS: Final = {field.name for field in EVENT_SCHEMA if pa.types.is_integer(field.type)}
_ARROW: Final = b"\xff\xff\xff\xff"
_DETAIL_CHARS: Final = 200


class Entry(NamedTuple):
    """One entry: its id, the one value that holds the event, and when the stream took it in (UTC ms)."""

    id: str
    payload: bytes
    arrived_ms: int | None = None

    @property
    def is_arrow(self) -> bool:
        return self.payload[:4] == _ARROW


def blocks_of(partition: str, entries: Sequence[Any]) -> list[Block]:
    """Return the entries (id, fields) as blocks: one a run of JSON, one a run of Arrow batches, in their order.

    JSON costs what `decode_jsonl` costs; every entry that it refuses about 20 µs more.
    """
    return joined(partition, [_entry(entry_id, fields) for entry_id, fields in entries])


def joined(partition: str, entries: Sequence[Entry]) -> list[Block]:
    """Return entries as blocks, as `blocks_of` does; each block's offset is the id of its last entry."""
    runs = [list(run) for _, run in groupby(entries, key=lambda entry: entry.is_arrow)]
    return [_arrow_block(partition, run) if run[0].is_arrow else _json_block(partition, run) for run in runs]


def _entry(entry_id: bytes, fields: Any) -> Entry:
    name = entry_id.decode()
    return Entry(name, _payload(fields), int(name.partition("-")[0]))


def _arrivals(arrived: list[int | None]) -> list[int] | None:
    """Return when entries arrived; nothing where the stream does not say of all."""
    told = [each for each in arrived if each is not None]
    return told if len(told) == len(arrived) else None


def _payload(fields: Sequence[bytes]) -> bytes:
    if len(fields) == 2:
        return fields[1]
    held = dict(zip(fields[::2], fields[1::2], strict=True))
    if PAYLOAD in held:
        return held[PAYLOAD]
    return msgspec.json.encode({_text(name): _value(_text(name), value) for name, value in held.items()})


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _value(name: str, value: bytes) -> Any:
    """Read a flat field: numbers where the event has numbers, text as it is."""
    text = _text(value)
    if name in _NUMBERS or (name.endswith("_time") and text.lstrip("-").isdigit()):
        try:
            return int(text)
        except ValueError:
            return text
    return text == "true" if name == "holdout" else text


def _json_block(partition: str, entries: list[Entry]) -> Block:
    """Decode entries as lines. Line ends within one become spaces for that, but stay in its bytes."""
    data = b"\n".join(entry.payload for entry in entries) + b"\n"
    plain = data.count(b"\n") == len(entries)
    lines = data if plain else b"".join(entry.payload.replace(b"\n", b" ") + b"\n" for entry in entries)
    decoded = decode_jsonl(lines)
    refused = decoded.refused
    if decoded.events.num_rows < len(entries):
        refused = refusals_batch(list(_refusals(entries, decoded.lines)))
    whole = Decoded(decoded.events, refused, data, decoded.bounds, decoded.lines)
    return Block(
        partition, whole, entries[-1].id, ingested_at_ms=_arrivals([entry.arrived_ms for entry in entries])
    )


def _refusals(entries: list[Entry], good: np.ndarray) -> Iterator[Refusal]:
    """Say of every entry that is no event why, also of one that is blank."""
    for place in np.setdiff1d(np.arange(len(entries)), good).tolist():
        entry = entries[place]
        outcome = parse_line(entry.payload)
        if isinstance(outcome, Refusal):
            yield Refusal(
                outcome.reason,
                outcome.rule,
                outcome.detail,
                entry.payload,
                outcome.event_id,
                ingested_at_ms=entry.arrived_ms,
            )


def _arrow_block(partition: str, entries: list[Entry]) -> Block:
    """Read entries as Arrow IPC streams; one that is damaged is refused as a whole."""
    batches, refused, arrived = [no_events()], [], []
    for entry in entries:
        try:
            held = [conform(batch) for batch in pa.ipc.open_stream(entry.payload)]
        except (pa.ArrowException, OSError, ValueError) as error:
            refused.append(_unreadable(entry, error))
            continue
        batches.extend(held)
        arrived.extend([entry.arrived_ms] * sum(batch.num_rows for batch in held))
    decoded = without_lines(pa.concat_batches(batches), refusals_batch(refused))
    return Block(partition, decoded, entries[-1].id, ingested_at_ms=_arrivals(arrived))


def _unreadable(entry: Entry, error: Exception) -> Refusal:
    detail = f"no whole Arrow batch of events: {error}"[:_DETAIL_CHARS]
    return Refusal("unreadable_input", "entry.arrow", detail, entry.payload, ingested_at_ms=entry.arrived_ms)
