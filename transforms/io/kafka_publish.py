"""Putting events onto a Kafka topic, each as one message whose key keeps a user's (or a room's) events in order."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas.errors import StoreError, UsageError
from transforms.io.kafka_client import client_properties, quiet_logger, reason
from transforms.io.kafka_url import KafkaTopic
from transforms.io.pace import Pace, at_once
from transforms.io.publish import Clock

CONFIRM_WITHIN_MS: Final = 300_000
"""How long brokers may be away before a message counts as failed."""
_REACH_S: Final = 5.0
_POLL_EVERY: Final = 1_000
_FULL_WAIT_S: Final = 0.05
_TELL_EVERY_S: Final = 0.2
_OUR_OWN: Final = {"enable.idempotence": True, "acks": "all"}
_TUNED: Final = {
    "client.id": "interestream",
    "linger.ms": 5,
    "message.max.bytes": 8 << 20,
    "compression.type": "lz4",
    # The Java client's choice, so that other producers put a key onto the same partition.
    "partitioner": "murmur2_random",
    "message.timeout.ms": CONFIRM_WITHIN_MS,
    "reconnect.backoff.ms": 100,
    "reconnect.backoff.max.ms": 2000,
}


class _Keyed(msgspec.Struct):
    user_id: str | None = None
    room_id: str | None = None
    event_id: str | None = None


_DECODER: Final = msgspec.json.Decoder(_Keyed)


def key_of(line: bytes, field: str) -> bytes | None:
    """Return the key of an event: the field asked for, else another id, so that the same event has the same key.

    None for what is no event, which goes to any partition.

    >>> key_of(b'{"user_id":"u1","room_id":"r2"}', "room_id"), key_of(b'{"event_id":"e3"}', "user_id")
    (b'r2', b'e3')
    """
    try:
        ids = _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    asked: str | None = getattr(ids, field)
    found = asked or ids.room_id or ids.event_id
    return found.encode() if found else None


def open_producer(topic: KafkaTopic, **properties: Any) -> Producer:
    """Return a producer that repeats nothing and loses no order; raises UsageError for properties it refuses."""
    given = _TUNED | client_properties(topic) | properties | _OUR_OWN
    try:
        return Producer(given, logger=quiet_logger())
    except KafkaException as error:
        raise UsageError(f"The client properties of {topic} are refused: {reason(error)}.") from error


def ensure_topics(topic: KafkaTopic, names: Iterable[str], **settings: str) -> None:
    """Make topics that are not there yet; raises StoreError where no broker answers or one is refused.

    `settings` are the topics' own, such as `cleanup.policy`.
    """
    admin = AdminClient(
        {key: str(value) for key, value in client_properties(topic).items()}, logger=quiet_logger()
    )
    try:
        there = admin.list_topics(timeout=_REACH_S).topics
    except KafkaException as error:
        raise StoreError(
            f"No Kafka answers at {topic.servers}: {reason(error)}. Start it, or correct the address."
        ) from error
    count = topic.partitions or -1
    missing = [NewTopic(name, count, -1, config=settings) for name in names if name not in there]
    for name, made in (admin.create_topics(missing) if missing else {}).items():
        try:
            made.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise StoreError(f"The topic {name} cannot be made: {reason(error)}.") from error


@dataclass
class _Deliveries:
    """What brokers have confirmed, and the first message that they did not take."""

    confirmed: int = 0
    failed: KafkaError | None = None

    def hear(self, error: KafkaError | None, _message: object) -> None:
        if error is None:
            self.confirmed += 1
        elif self.failed is None:
            self.failed = error


def publish_to_kafka(
    producer: Producer,
    topic: KafkaTopic,
    lines: Iterable[bytes],
    clock: Clock,
    *,
    pace: Pace = at_once,
    on_progress: Callable[[int], None] = lambda _confirmed: None,
) -> int:
    """Send every line, none before it is due, and return how many once all of them are confirmed.

    About 100,000 a second. Brokers that are away are waited for, up to five minutes a message. Raises
    StoreError, with how many were confirmed; what then is sent again comes twice, which consumers remove by
    `event_id`.
    """
    started = told = clock.now()
    deliveries = _Deliveries()
    for number, line in enumerate(lines):
        wait = pace(number, line) - (clock.now() - started)
        if wait > 0:
            producer.poll(0)
            clock.sleep(wait)
        _send(producer, topic, line, deliveries)
        if wait > 0 or number % _POLL_EVERY == 0:
            producer.poll(0)
        if clock.now() - told >= _TELL_EVERY_S:
            told = clock.now()
            on_progress(deliveries.confirmed)
    while producer.flush(_TELL_EVERY_S) and deliveries.failed is None:
        on_progress(deliveries.confirmed)
    _check(topic, deliveries)
    on_progress(deliveries.confirmed)
    return deliveries.confirmed


def _send(producer: Producer, topic: KafkaTopic, line: bytes, deliveries: _Deliveries) -> None:
    key = key_of(line, topic.key)
    while True:
        _check(topic, deliveries)
        try:
            return producer.produce(topic.topic, value=line, key=key, on_delivery=deliveries.hear)
        except BufferError:
            producer.poll(_FULL_WAIT_S)
        except KafkaException as error:
            deliveries.failed = error.args[0]


def _check(topic: KafkaTopic, deliveries: _Deliveries) -> None:
    if deliveries.failed is not None:
        raise StoreError(
            f"{topic} took {deliveries.confirmed:,} events, then one failed: {deliveries.failed.str()}. "
            "Mend it and publish all of it again: what comes twice counts once."
        )
