"""A topic as its reader sees it: what partitions there are, how far each goes, and the next messages.

Brokers that are away are waited for: the client library goes on trying with growing pauses (0.1 to 2 s), and
all questions answer "unknown" meanwhile. Consumer groups are not used: offsets stand in checkpoints only.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.errors import SourceError, UsageError
from transforms.io.kafka_partitions import Messages
from transforms.io.kafka_url import KafkaTopic

_LOG: Final = logging.getLogger(__name__)
_ANSWER_S: Final = 2.0
_TELL_EVERY_S: Final = 10.0
_QUEUED_KILOBYTES: Final = 32 << 10
_OUR_OWN: Final = {
    "group.id": "interestream",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "allow.auto.create.topics": False,
}
"""What exactness rests on; no option of an address changes it."""
_TUNED: Final = {
    "client.id": "interestream",
    "fetch.wait.max.ms": 50,
    "fetch.error.backoff.ms": 100,
    "reconnect.backoff.ms": 100,
    "reconnect.backoff.max.ms": 2000,
    "queued.max.messages.kbytes": _QUEUED_KILOBYTES,
    "socket.keepalive.enable": True,
}
_FAR: Final = 1 << 62
_LOST: Final = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})
_FORBIDDEN: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._AUTHENTICATION,
    }
)


@dataclass(frozen=True)
class Taken:
    """What came: messages by partition, how far partitions were read to their end, and those without their offset."""

    messages: dict[int, Messages] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)


class Log(Protocol):
    """What a reader needs of a topic."""

    def partitions(self) -> list[int] | None:
        """Return the numbers of all partitions, none where there is no such topic, None where nobody answers."""

    def bounds(self, number: int) -> tuple[int, int] | None:
        """Return a partition's first offset and the one after its last, None where nobody answers."""

    def start(self, number: int, offset: int) -> None:
        """Take messages of a partition from an offset on; also anew, from another one."""

    def stop(self, number: int) -> None:
        """Take no more of a partition."""

    def hold(self, number: int, held: bool) -> None:
        """Leave a partition out for a while, or go on with it."""

    def take(self, most: int, wait_s: float) -> Taken:
        """Return up to so many messages that are there, waiting at most so long for the first."""

    def close(self) -> None:
        """Give the connection back."""


def client_properties(topic: KafkaTopic) -> dict[str, Any]:
    """Return the client properties that an address names; those of its file count less.

    Raises UsageError for a file that cannot be read or a line that is no `name=value`.
    """
    held: dict[str, Any] = {}
    if topic.config is not None:
        try:
            lines = topic.config.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"The client properties {topic.config} cannot be read: {error}.") from error
        for line in (each.strip() for each in lines):
            name, equals, value = line.partition("=")
            if line and not line.startswith("#"):
                if not equals:
                    raise UsageError(f"{topic.config} has a line that is no name=value; correct it.")
                held[name.strip()] = value.strip()
    return held | dict(topic.properties) | {"bootstrap.servers": topic.servers}


def quiet_logger() -> logging.Logger:
    """Return where the client library logs to: silent unless somebody asks, since all that matters is told here."""
    found = logging.getLogger("librdkafka")
    if found.level == logging.NOTSET:
        found.setLevel(logging.CRITICAL)
    return found


class KafkaLog:
    """One connected consumer of a topic's partitions."""

    def __init__(self, topic: KafkaTopic, clock: Callable[[], float] = time.monotonic) -> None:
        self._topic, self._clock, self._told_s = topic, clock, -_TELL_EVERY_S
        properties = _TUNED | client_properties(topic) | _OUR_OWN
        try:
            self._consumer = Consumer(properties | {"error_cb": self._heard}, logger=quiet_logger())
        except KafkaException as error:
            raise UsageError(f"The client properties of {topic} are refused: {reason(error)}.") from error

    def partitions(self) -> list[int] | None:
        """Return the numbers of all partitions, none where there is no such topic, None where nobody answers."""
        try:
            found = self._consumer.list_topics(self._topic.topic, _ANSWER_S).topics[self._topic.topic]
        except KafkaException as error:
            self._heard(error.args[0])
            return None
        if found.error is not None:
            self._heard(found.error)
        return sorted(found.partitions)

    def bounds(self, number: int) -> tuple[int, int] | None:
        """Return a partition's first offset and the one after its last, None where nobody answers."""
        try:
            low, high = self._consumer.get_watermark_offsets(self._at(number), _ANSWER_S)
        except KafkaException as error:
            self._heard(error.args[0])
            return None
        return low, high

    def start(self, number: int, offset: int) -> None:
        """Take messages of a partition from an offset on; also anew, from another one."""
        self.stop(number)
        self._consumer.incremental_assign([self._at(number, offset)])

    def stop(self, number: int) -> None:
        """Take no more of a partition."""
        if any(each.partition == number for each in self._consumer.assignment()):
            self._consumer.incremental_unassign([self._at(number)])

    def hold(self, number: int, held: bool) -> None:
        """Leave a partition out for a while, or go on with it."""
        (self._consumer.pause if held else self._consumer.resume)([self._at(number)])

    def take(self, most: int, wait_s: float) -> Taken:
        """Return up to so many messages that are there, waiting at most so long for the first."""
        taken = Taken()
        first = self._consumer.poll(wait_s)
        if first is None:
            return taken
        messages: list[Any] = [first, *self._consumer.consume(most - 1, 0)]
        by_partition: dict[int, list[Any]] = {}
        for message in messages:
            error = message.error()
            if error is None:
                by_partition.setdefault(message.partition(), []).append(message)
            else:
                self._told(taken, message.partition(), message.offset(), error)
        for number, found in by_partition.items():
            # Columns, not an object a message: a third of the cost.
            after = [message.offset() + 1 for message in found]
            taken.messages[number] = Messages(after, [message.value() or b"" for message in found])
            if after[-1] >= self._known_end(number):
                taken.ends[number] = after[-1]
        return taken

    def _known_end(self, number: int) -> int:
        """Return where a partition ended when messages were last fetched, without asking anybody."""
        _, high = self._consumer.get_watermark_offsets(self._at(number), cached=True)
        return high if high >= 0 else _FAR

    def _told(self, taken: Taken, number: int, offset: int, error: KafkaError) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            taken.ends[number] = offset
        elif error.code() in _LOST:
            taken.lost.add(number)
        else:
            self._heard(error)

    def _heard(self, error: KafkaError) -> None:
        """Wait for what may pass, with a word in the log now and then; raise what will not."""
        if error.fatal() or error.code() in _FORBIDDEN:
            raise SourceError(
                f"Kafka refuses to give {self._topic}: {error.str()}. Correct it, and run again."
            )
        now = self._clock()
        if now - self._told_s >= _TELL_EVERY_S:
            self._told_s = now
            _LOG.warning("Kafka does not give %s now (%s); trying on", self._topic, error.str())

    def _at(self, number: int, offset: int = 0) -> TopicPartition:
        return TopicPartition(self._topic.topic, number, offset)

    def close(self) -> None:
        """Give the connection back."""
        self._consumer.close()


def reason(error: KafkaException) -> str:
    """Return what the client library says of an error, in words."""
    told = error.args[0] if error.args else error
    return told.str() if isinstance(told, KafkaError) else str(told)


def partitions_now(topic: KafkaTopic) -> int:
    """Return how many partitions a topic has now; none where it does not exist.

    Raises SourceError where no broker answers within five seconds.
    """
    properties = _TUNED | client_properties(topic) | _OUR_OWN
    try:
        consumer = Consumer(properties, logger=quiet_logger())
    except KafkaException as error:
        raise UsageError(f"The client properties of {topic} are refused: {reason(error)}.") from error
    try:
        found = consumer.list_topics(topic.topic, 5.0).topics[topic.topic]
    except KafkaException as error:
        raise SourceError(
            f"No Kafka answers at {topic.servers}: {reason(error)}. Start it, or correct the address."
        ) from error
    finally:
        consumer.close()
    return len(found.partitions)
