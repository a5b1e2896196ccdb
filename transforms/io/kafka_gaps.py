"""What to say where messages were deleted before they were read, or a topic is not the one that was read."""

from schemas.codecs.salvage import Refusal
from schemas.errors import SourceError
from transforms.io.kafka_url import KafkaTopic


def gap(topic: KafkaTopic, number: int, at: int, low: int) -> str:
    """Say what is missing.

    >>> from transforms.io.kafka_url import parse_kafka_url
    >>> gap(parse_kafka_url("kafka://h/events"), 2, 100, 140)
    'Offsets 100 to 139 of partition 2 of events were deleted before they were read: up to 40 events are missing.'
    """
    return (
        f"Offsets {at} to {low - 1} of partition {number} of {topic.topic} were deleted before they were read: "
        f"up to {low - at} events are missing."
    )


def gap_letter(topic: KafkaTopic, number: int, at: int, low: int) -> Refusal:
    """Return the dead letter that keeps a gap in the count of what was refused."""
    told = gap(topic, number, at, low)
    return Refusal("unreadable_input", "partition.retention", told, told.encode())


def gap_error(topic: KafkaTopic, number: int, at: int, low: int) -> SourceError:
    """Return the error that stops a job at a gap."""
    return SourceError(
        f"{gap(topic, number, at, low)} Add ?gaps=skip to the address to go on without them, which counts the gap "
        "among the dead letters; or start over with --fresh; and let the topic keep its messages for longer."
    )


def shorter_error(topic: KafkaTopic, number: int, at: int, high: int) -> SourceError:
    """Return the error for a partition that ends before what was read of it."""
    return SourceError(
        f"Partition {number} of {topic.topic} ends at offset {high}, but was read up to {at}: the topic was made "
        "anew or cut off. Start over with --fresh, or name the right brokers."
    )
