"""Addresses of Kafka topics: what they may say, and what is refused with a reason."""

from pathlib import Path

import pytest

from schemas.errors import UsageError
from transforms.io.kafka_client import client_properties
from transforms.io.kafka_url import parse_kafka_url


def test_an_address_with_everything(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("# secrets\n\nsasl.password = p=q\nsecurity.protocol=PLAINTEXT\n")
    topic = parse_kafka_url(
        "kafka://a,[::1]:9,c-2.example:10/my.topic_1?from=latest&until=end&idle=2m&gaps=skip&key=room_id"
        f"&partitions=6&config={tmp_path / 'c'}&security.protocol=SSL"
    )
    assert topic.servers == "a:9092,[::1]:9,c-2.example:10"
    assert (topic.topic, topic.latest, topic.bounded, topic.skip_gaps) == ("my.topic_1", True, True, True)
    assert (topic.idle_s, topic.key, topic.partitions) == (120.0, "room_id", 6)
    assert client_properties(topic) == {
        "bootstrap.servers": topic.servers, "security.protocol": "SSL", "sasl.password": "p=q",
    }  # fmt: skip
    assert "p=q" not in repr(topic)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("kafka://h", "kafka://HOST:PORT/TOPIC"),
        ("kafka:///t", "kafka://HOST:PORT/TOPIC"),
        ("kafka://h/a/b", "kafka://HOST:PORT/TOPIC"),
        ("kafka://h/t t", "kafka://HOST:PORT/TOPIC"),
        ("kafka://me:secret@h/t", "config=FILE"),
        ("kafka://h:port/t", "kafka://HOST:PORT/TOPIC"),
        ("kafka://h/t?from=yesterday", "earliest or latest"),
        ("kafka://h/t?until=now", "end"),
        ("kafka://h/t?until=end&until=end", "twice"),
        ("kafka://h/t?idle=0s", "idle"),
        ("kafka://h/t?idle=10", "idle"),
        ("kafka://h/t?partitions=0", "partitions"),
        ("kafka://h/t?topics=t", "unknown option 'topics'"),
        ("kafka://h/t?sasl.password=p", "config=FILE"),
    ],
)
def test_an_address_that_cannot_be_meant_is_bad_usage(url: str, told: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_kafka_url(url)
    assert told in str(raised.value)


def test_client_properties_that_are_none_are_bad_usage(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("security.protocol")
    with pytest.raises(UsageError, match="no name=value"):
        client_properties(parse_kafka_url(f"kafka://h/t?config={tmp_path / 'c'}"))
    with pytest.raises(UsageError, match="cannot be read"):
        client_properties(parse_kafka_url(f"kafka://h/t?config={tmp_path / 'none'}"))
