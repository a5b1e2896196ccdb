"""Changed figures and dead letters onto Kafka topics, beside Redis: a `Publisher` put behind another.

`PREFIX.metrics` takes every changed cell and `PREFIX.deadletters` what was refused, each as a JSON object whose
key names it, so that a compacted topic keeps the last. Delivery is at least once: a message may come again, and
after a restart an older one may follow a newer. The version in it says which is newer.

>>> from schemas.keys import Version, pack
>>> cell = pack(Version(1, 5, 9), [3])
>>> key, value = metric_message("is:{m:o:room:minute:60000}", "r1", cell)
>>> key.decode(), value.decode().partition('"booked_by"')[2]
('["room","r1","minute",60000,"order_time"]', ':"order_time","version":[1,5,9],"counts":{"refunds_by_order_time_minor":3}}')
"""

import base64
import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer

from schemas.errors import StoreError
from schemas.keys import VERSION_BYTES, unpack
from schemas.metrics import EVENT_TIME_COUNTS, ORDER_TIME_COUNTS, TOTAL_START
from schemas.records import decode_dead_letter
from transforms.boards import Board
from transforms.io.kafka_publish import ensure_topics, open_producer
from transforms.io.kafka_url import KafkaTopic, parse_kafka_url, split_kafka_url
from transforms.publish import Publisher, PublisherFactory, Strays

DEFAULT_PREFIX: Final = "interestream"
_LOG: Final = logging.getLogger(__name__)
_PATIENCE_MS: Final = 600_000
_FLUSH_S: Final = 5.0
_FULL_WAIT_S: Final = 0.05
_METRIC: Final = re.compile(r"[^{]*\{m:([eo]):([^:]+):([^:]+):(-?\d+)\}")
_DEAD_LETTER: Final = re.compile(r"[^{]*\{d:([^}]+)\}")
_COUNTS: Final = {"e": ("event_time", EVENT_TIME_COUNTS), "o": ("order_time", ORDER_TIME_COUNTS)}
_encode: Final = msgspec.json.encode

Message = tuple[bytes, bytes]
"""Key and value."""


def parse_sink(url: str) -> KafkaTopic:
    """Read the address of a sink: `kafka://HOST:PORT[/PREFIX]`, with a topic's options of connection.

    >>> parse_sink("kafka://h").topic, parse_sink("kafka://h:1/shop").topic
    ('interestream', 'shop')
    """
    _, prefix, _ = split_kafka_url(url)
    if not prefix:
        base, question, options = url.partition("?")
        url = f"{base.rstrip('/')}/{DEFAULT_PREFIX}{question}{options}"
    return parse_kafka_url(url)


def metric_topic(sink: KafkaTopic) -> str:
    """Return the topic of changed cells."""
    return f"{sink.topic}.metrics"


def dead_letter_topic(sink: KafkaTopic) -> str:
    """Return the topic of what was refused."""
    return f"{sink.topic}.deadletters"


def prepare_sink(url: str) -> None:
    """Make a sink's topics where they are missing, compacted; raises StoreError where no broker answers."""
    sink = parse_sink(url)
    ensure_topics(sink, [metric_topic(sink), dead_letter_topic(sink)], **{"cleanup.policy": "compact"})


def metric_message(key: str, identifier: str, value: bytes) -> Message | None:
    """Return the message of a cell as Redis stores it; None for a key that is no metric's."""
    found = _METRIC.fullmatch(key)
    if found is None:
        return None
    layer, scope, window, start = found.groups()
    booked_by, names = _COUNTS[layer]
    start_ms = None if int(start) == TOTAL_START else int(start)
    version, counts = unpack(value)
    told = {
        "scope": scope, "id": identifier, "window": window, "window_start_ms": start_ms, "booked_by": booked_by,
        "version": list(version), "counts": dict(zip(names, counts, strict=False)),
    }  # fmt: skip
    return _encode([scope, identifier, window, start_ms, booked_by]), _encode(told)


def dead_letter_message(key: str, digest: str, value: bytes) -> Message | None:
    """Return the message of a dead letter as Redis stores it; None for another key.

    Bytes that are no UTF-8 stand in `raw_base64`.
    """
    found = _DEAD_LETTER.fullmatch(key)
    if found is None:
        return None
    letter = decode_dead_letter(value[VERSION_BYTES:])
    told: dict[str, Any] = {
        "event_id": letter.event_id, "reason": found.group(1), "rule": letter.rule, "detail": letter.detail,
        "event_time_ms": letter.event_time_ms, "ingested_at_ms": letter.ingested_at_ms,
    }  # fmt: skip
    try:
        told["raw"] = letter.raw.decode()
    except UnicodeDecodeError:
        told["raw_base64"] = base64.b64encode(letter.raw).decode()
    return digest.encode(), _encode(told)


@dataclass(frozen=True)
class KafkaSinks:
    """Opens publishers that write through another and onto Kafka; must pickle, as what it opens through must."""

    through: PublisherFactory
    sink: KafkaTopic

    def __call__(self) -> "KafkaSink":
        """Open one; it connects to Kafka with its first message."""
        return KafkaSink(self.through(), self.sink)


def with_sink(publishers: PublisherFactory, url: str | None) -> PublisherFactory:
    """Return publishers that also write onto the sink, if there is one."""
    return KafkaSinks(publishers, parse_sink(url)) if url else publishers


class KafkaSink:
    """One publisher with a producer beside it."""

    def __init__(
        self, through: Publisher, sink: KafkaTopic, produce: Callable[[KafkaTopic], Producer] | None = None
    ) -> None:
        self._through, self._sink = through, sink
        self._open = produce or (lambda topic: open_producer(topic, **{"message.timeout.ms": _PATIENCE_MS}))
        self._producer: Producer | None = None
        self._failed: KafkaError | None = None

    def epoch(self) -> int:
        """Return the running attempt's epoch."""
        return self._through.epoch()

    def follow(self, epoch: int) -> None:
        """Hear the epoch of the attempt that is gone on from."""
        self._through.follow(epoch)

    def forget_strays(self, epoch: int, strays: Strays) -> None:
        """Delete what a lost stretch published from what is published through; messages stay."""
        self._through.forget_strays(epoch, strays)

    def set_newer(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        """Write values, and each changed cell of a metric as a message."""
        self._through.set_newer(key, fields, values)
        if _METRIC.fullmatch(key):
            self._send_all(metric_topic(self._sink), metric_message, key, fields, values)

    def set_once(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        """Write values, and each dead letter as a message."""
        self._through.set_once(key, fields, values)
        if _DEAD_LETTER.fullmatch(key):
            self._send_all(dead_letter_topic(self._sink), dead_letter_message, key, fields, values)

    def set_boards(self, key: str, version: bytes, boards: Sequence[Board]) -> None:
        """Replace leaderboards in the store."""
        self._through.set_boards(key, version, boards)

    def add_windows(self, key: str, starts_ms: Sequence[int]) -> None:
        """Add window starts to their index."""
        self._through.add_windows(key, starts_ms)

    def progress(self, fields: dict[str, int]) -> None:
        """Show how far the pipeline has got."""
        self._through.progress(fields)

    def announce(self, key: str, body: bytes) -> None:
        """Tell the store's readers; messages are news by themselves."""
        self._through.announce(key, body)

    def barrier(self) -> None:
        """Keep the order of what the store shows; each message speaks for itself."""
        self._through.barrier()

    def flush(self) -> None:
        """Send everything; returns when the store has taken it and brokers have confirmed it."""
        self._through.flush()
        began = time.monotonic()
        while self._producer is not None and self._producer.flush(_FLUSH_S) and self._failed is None:
            _LOG.warning("Kafka has not confirmed for %.0f s; waiting", time.monotonic() - began)
        self._check()

    def look(self) -> None:
        """Ask the store whether it still has what it took."""
        self._through.look()

    def lost(self) -> bool:
        """Whether the store was found without something that it had taken; topics keep what they took."""
        return self._through.lost()

    def refill(self, writes: Iterable[Any]) -> None:
        """Write into the store again what has left the state of whoever publishes here."""
        self._through.refill(writes)

    def refused(self) -> int:
        """How many values an attempt that came after this one kept out of the store."""
        return self._through.refused()

    def _send_all(
        self, topic: str, message: Callable[[str, str, bytes], Message | None], key: str,
        fields: Sequence[bytes | str], values: Sequence[bytes],
    ) -> None:  # fmt: skip
        for field, value in zip(fields, values, strict=True):
            made = message(key, field.decode() if isinstance(field, bytes) else field, value)
            if made is not None:
                self._send(topic, *made)

    def _send(self, topic: str, key: bytes, value: bytes) -> None:
        if self._producer is None:
            self._producer = self._open(self._sink)
        while True:
            try:
                self._producer.produce(topic, value=value, key=key, on_delivery=self._heard)
                return
            except BufferError:
                self._producer.poll(_FULL_WAIT_S)
                self._check()
            except KafkaException as error:
                self._failed = error.args[0]
                self._check()

    def _heard(self, error: KafkaError | None, _message: object) -> None:
        self._failed = self._failed or error

    def _check(self) -> None:
        if self._failed is not None:
            raise StoreError(
                f"{self._sink} did not take a message: {self._failed.str()}. "
                "Mend it and run the same command: it goes on where it was."
            )
