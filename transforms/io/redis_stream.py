"""A Redis Stream as a source: one event an entry, read in order from the last entry seen.

An entry holds one event as JSON (a single field, or one called `event`), an Arrow IPC batch in such a field,
or the event's own fields flat. The place in the stream is the entry id, kept with the checkpoint; entries
are not deleted, so trimming (`XTRIM`, `MAXLEN`) is the producer's choice.
"""

import time
from typing import Any, Final

import msgspec
import pyarrow as pa
import redis
from redis.exceptions import ConnectionError, TimeoutError

from schemas.codecs.jsonl import Decoded, decode_jsonl, without_lines
from schemas.codecs.salvage import refusals_batch
from schemas.events import EVENT_SCHEMA
from transforms.io.blocks import Block, Place
from transforms.io.column_files import conform
from transforms.io.stream_url import split_stream_url
from transforms.pieces import BEFORE_ALL_MS

PAYLOAD: Final = b"event"
_WAIT_MS: Final = 10
_AWAY_WAIT_S: Final = 0.2
_NUMBERS: Final = {field.name for field in EVENT_SCHEMA if pa.types.is_integer(field.type)}
_ARROW: Final = b"\xff\xff\xff\xff"


class RedisStreamReader:
    """Reads one stream as one partition, for ever."""

    finished: Final = False

    def __init__(self, url: str, places: dict[str, Place], block_rows: int) -> None:
        self._url, self._key = split_stream_url(url)
        self._name, self._rows = url, block_rows
        self._last = places[url].offset if url in places else "0-0"
        # RESP2 answers are plain lists, and are taken as they are: redis-py would build a dict an entry.
        self._redis = redis.Redis.from_url(self._url, socket_timeout=30.0, protocol=2)
        self.least_ms = places[url].highest_ms if url in places else BEFORE_ALL_MS

    def advance(self, partition: str, highest_ms: int) -> None:  # noqa: ARG002
        """Hear how far the stream has got in event time; there is nothing to align it with."""
        self.least_ms = highest_ms

    def read(self) -> Block | None:
        """Return the entries since the last call, at most `block_rows`; None after 10 ms without any."""
        entries = self._entries()
        if not entries:
            return None
        self._last = entries[-1][0].decode()
        return self._block(entries)

    def _entries(self) -> list[Any]:
        connection: Any = None
        try:
            connection = self._redis.connection_pool.get_connection()
            connection.send_command("XREAD", "COUNT", self._rows, "BLOCK", _WAIT_MS, "STREAMS", self._key, self._last)
            answer = connection.read_response()
        except (ConnectionError, TimeoutError):
            if connection is not None:
                connection.disconnect()
            time.sleep(_AWAY_WAIT_S)
            return []
        finally:
            if connection is not None:
                self._redis.connection_pool.release(connection)
        return answer[0][1] if answer else []

    def _block(self, entries: list[tuple[bytes, Any]]) -> Block:
        payloads = [_payload(fields) for _, fields in entries]
        arrived = [int(entry_id.split(b"-")[0]) for entry_id, _ in entries]
        drained = len(entries) < self._rows
        if any(payload[:4] == _ARROW for payload in payloads):
            return Block(self._name, _mixed(payloads), self._last, drained=drained)
        lines = b"\n".join(payload.replace(b"\n", b" ") for payload in payloads) + b"\n"
        return Block(self._name, decode_jsonl(lines), self._last, drained=drained, ingested_at_ms=arrived)

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()


def _payload(fields: Any) -> bytes:
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


def _mixed(payloads: list[bytes]) -> Decoded:
    """Decode payloads of which some are Arrow batches."""
    lines = [payload for payload in payloads if payload[:4] != _ARROW]
    decoded = decode_jsonl(b"\n".join(lines) + b"\n" if lines else b"")
    batches = [decoded.events]
    for payload in payloads:
        if payload[:4] == _ARROW:
            batches.extend(conform(batch) for batch in pa.ipc.open_stream(payload))
    return without_lines(pa.concat_batches(batches), decoded.refused if lines else refusals_batch([]))
