"""From the entries of a stream to blocks of events; whatever an entry holds, it is an event or a dead letter.

>>> [block] = blocks_of("s", [(b"5-0", [b"event", b'{"event_id":"a"}']), (b"6-0", [b"event", b"no event"])])
>>> block.decoded.events["event_id"].to_pylist(), block.decoded.refused["raw"].to_pylist(), block.offset
(['a'], [b'no event'], '6-0')
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
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


class Entries(NamedTuple):
    """Entries in columns: their ids, the one value that holds the event, and when they came in (UTC ms), if known."""

    ids: Sequence[str | int]
    payloads: Sequence[bytes]
    arrived_ms: Sequence[int] | None = None

    def part(self, first: int, last: int) -> "Entries":
        """Return some of them in a row."""
        arrived = None if self.arrived_ms is None else self.arrived_ms[first:last]
        return Entries(self.ids[first:last], self.payloads[first:last], arrived)

    def arrival(self, place: int) -> int | None:
        """Return when one of them came in."""
        return None if self.arrived_ms is None else self.arrived_ms[place]


def blocks_of(partition: str, entries: Sequence[Any]) -> list[Block]:
    """Return the entries (id, fields) as blocks: one a run of JSON, one a run of Arrow batches, in their order.

    JSON costs what `decode_jsonl` costs; every entry that it refuses about 20 µs more.
    """
    ids = [entry_id.decode() for entry_id, _ in entries]
    payloads = [_payload(fields) for _, fields in entries]
    return joined(partition, Entries(ids, payloads, [int(each.partition("-")[0]) for each in ids]))


def joined(partition: str, entries: Entries) -> list[Block]:
    """Return entries as blocks, as `blocks_of` does; each block's offset is the id of its last entry."""
    blocks, first = [], 0
    for is_arrow, run in groupby([payload.startswith(_ARROW) for payload in entries.payloads]):
        last = first + sum(1 for _ in run)
        block = _arrow_block if is_arrow else _json_block
        blocks.append(block(partition, entries.part(first, last)))
        first = last
    return blocks


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


def _json_block(partition: str, entries: Entries) -> Block:
    """Decode entries as lines. Line ends within one become spaces for that, but stay in its bytes."""
    payloads = entries.payloads
    data = b"\n".join(payloads) + b"\n"
    plain = data.count(b"\n") == len(payloads)
    lines = data if plain else b"".join(payload.replace(b"\n", b" ") + b"\n" for payload in payloads)
    decoded = decode_jsonl(lines)
    refused = decoded.refused
    if decoded.events.num_rows < len(payloads):
        refused = refusals_batch(list(_refusals(entries, decoded.lines)))
    whole = Decoded(decoded.events, refused, data, decoded.bounds, decoded.lines)
    return Block(partition, whole, str(entries.ids[-1]), ingested_at_ms=entries.arrived_ms)


def _refusals(entries: Entries, good: np.ndarray) -> Iterator[Refusal]:
    """Say of every entry that is no event why, also of one that is blank."""
    for place in np.setdiff1d(np.arange(len(entries.payloads)), good).tolist():
        payload = entries.payloads[place]
        outcome = parse_line(payload)
        if isinstance(outcome, Refusal):
            yield replace(outcome, raw=payload, ingested_at_ms=entries.arrival(place))


def _arrow_block(partition: str, entries: Entries) -> Block:
    """Read entries as Arrow IPC streams; one that is damaged is refused as a whole."""
    batches, refused, arrived = [no_events()], [], []
    for place, payload in enumerate(entries.payloads):
        arrival = entries.arrival(place)
        try:
            held = [conform(batch) for batch in pa.ipc.open_stream(payload)]
        except (pa.ArrowException, OSError, ValueError) as error:
            refused.append(_unreadable(payload, arrival, error))
            continue
        batches.extend(held)
        arrived.extend([arrival] * sum(batch.num_rows for batch in held))
    decoded = without_lines(pa.concat_batches(batches), refusals_batch(refused))
    came = None if entries.arrived_ms is None else [each for each in arrived if each is not None]
    return Block(partition, decoded, str(entries.ids[-1]), ingested_at_ms=came)


def _unreadable(payload: bytes, arrived_ms: int | None, error: Exception) -> Refusal:
    detail = f"no whole Arrow batch of events: {error}"[:_DETAIL_CHARS]
    return Refusal("unreadable_input", "entry.arrow", detail, payload, ingested_at_ms=arrived_ms)
