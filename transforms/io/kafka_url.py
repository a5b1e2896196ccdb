"""The address of a Kafka topic: `kafka://HOST:PORT[,HOST:PORT…]/TOPIC`, with options after a `?`.

| option | default | |
|---|---|---|
| `from` | `earliest` | `latest`: only what comes after the first start |
| `until` | none: for ever | `end`: up to what the topic held at the start |
| `idle` | `10s` | after how long without messages a partition holds the watermark back no more |
| `gaps` | `fail` | `skip`: go on where messages were deleted before they were read, with a dead letter that counts them |
| `key` | `user_id` | `room_id`: what keeps events in order when they are published |
| `partitions` | the broker's | how many a topic gets that publishing makes |
| `config` | none | a file of client properties, one `name=value` a line: the place for passwords |

An option with a dot in its name is a client property of librdkafka (`security.protocol=SSL`).

>>> topic = parse_kafka_url("kafka://a:9092,b/events?until=end&idle=500ms&security.protocol=SSL")
>>> topic.servers, topic.topic, topic.bounded, topic.idle_s, topic.properties
('a:9092,b:9092', 'events', True, 0.5, (('security.protocol', 'SSL'),))
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from schemas.errors import UsageError

SCHEME: Final = "kafka"
DEFAULT_PORT: Final = 9092
_FORM: Final = "kafka://HOST:PORT/TOPIC"
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_SERVER: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?")
_IDLE: Final = re.compile(r"(\d{1,9}(?:\.\d+)?)(ms|s|m|h)", re.ASCII)
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "from": ("earliest", "latest"),
    "until": ("end",),
    "gaps": ("fail", "skip"),
    "key": ("user_id", "room_id"),
}
_OPTIONS: Final = (*_CHOICES, "idle", "partitions", "config")


@dataclass(frozen=True)
class KafkaTopic:
    """One topic, and how it is read or written; see the module for what each option means."""

    servers: str
    topic: str
    latest: bool = False
    bounded: bool = False
    idle_s: float = 10.0
    skip_gaps: bool = False
    key: str = "user_id"
    partitions: int | None = None
    config: Path | None = None
    properties: tuple[tuple[str, str], ...] = ()

    def partition_name(self, number: int) -> str:
        """Return what a partition is called in checkpoints; brokers may move, so they are no part of it."""
        return f"kafka:///{self.topic}#{number}"

    def __str__(self) -> str:
        return f"{SCHEME}://{self.servers}/{self.topic}"


def is_kafka_url(url: str) -> bool:
    """Whether an address is meant to be a Kafka topic's."""
    return url.startswith(f"{SCHEME}://")


def parse_kafka_url(url: str) -> KafkaTopic:
    """Read an address; raises UsageError that says what is wrong with it."""
    servers, path, options = split_kafka_url(url)
    if not _TOPIC.fullmatch(path):
        raise UsageError(f"A Kafka topic is written {_FORM}; it is {url!r}.")
    properties = tuple((name, value) for name, value in options.items() if "." in name)
    _check(url, options)
    return KafkaTopic(
        servers,
        path,
        latest=options.get("from") == "latest",
        bounded=options.get("until") == "end",
        idle_s=_seconds(url, options.get("idle", "10s")),
        skip_gaps=options.get("gaps") == "skip",
        key=options.get("key", "user_id"),
        partitions=_partitions(url, options.get("partitions")),
        config=Path(options["config"]) if "config" in options else None,
        properties=properties,
    )


def split_kafka_url(url: str) -> tuple[str, str, dict[str, str]]:
    """Return the brokers with their ports, the path without its slash, and the options."""
    parts = urlsplit(url)
    servers = parts.netloc.split(",")
    if parts.scheme != SCHEME or "@" in parts.netloc or not all(map(_SERVER.fullmatch, servers)):
        raise UsageError(
            f"A Kafka topic is written {_FORM}, credentials in a file that ?config=FILE names; it is {url!r}."
        )
    with_ports = [each if re.search(r":\d+$", each) else f"{each}:{DEFAULT_PORT}" for each in servers]
    options: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in options:
            raise UsageError(f"The option {name} of {url} is given twice; give it once.")
        options[name] = value
    return ",".join(with_ports), parts.path.removeprefix("/"), options


def up_to_now(url: str) -> str:
    """Return an address that ends by itself: with `until=end`, unless it says until when.

    >>> up_to_now("kafka://h/events"), up_to_now("kafka://h/events?idle=5s")
    ('kafka://h/events?until=end', 'kafka://h/events?idle=5s&until=end')
    """
    _, _, options = split_kafka_url(url)
    if "until" in options:
        return url
    return f"{url}{'&' if options else '?'}until=end"


def _check(url: str, options: Mapping[str, str]) -> None:
    for name, value in options.items():
        if "." not in name and name not in _OPTIONS:
            raise UsageError(f"{url} has the unknown option {name!r}; there are {', '.join(_OPTIONS)}.")
        if name in _CHOICES and value not in _CHOICES[name]:
            raise UsageError(f"{name} of {url} is {' or '.join(_CHOICES[name])}; it is {value!r}.")
        if "password" in name:
            raise UsageError(
                f"{name} would be seen by all: put it into a file, and name that by ?config=FILE."
            )


def _seconds(url: str, text: str) -> float:
    match = _IDLE.fullmatch(text)
    if match is None or float(match.group(1)) == 0:
        raise UsageError(f"idle of {url} is a duration above 0, such as 500ms, 10s or 5m; it is {text!r}.")
    return float(match.group(1)) * _SECONDS[match.group(2)]


def _partitions(url: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) == 0:
        raise UsageError(f"partitions of {url} is a whole number above 0; it is {text!r}.")
    return int(text)
