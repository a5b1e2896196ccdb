"""From the sources named on the command line to readers that a pipeline can open on any worker."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from schemas.errors import SourceError, UsageError
from transforms.io.blocks import Place, Reader
from transforms.io.folder import FolderReader, event_files
from transforms.io.kafka_url import KafkaTopic, is_kafka_url, parse_kafka_url
from transforms.io.redis_stream import RedisStreamReader
from transforms.io.redis_url import SCHEMES, without_password
from transforms.io.stream_url import split_stream_url

_LOG: Final = logging.getLogger(__name__)
LIVE_BLOCK_ROWS: Final = 8192
PACED_BLOCK_ROWS: Final = 2048
BLOCK_BYTES: Final = 8 << 20
REACH_S: Final = 5.0
BEFORE_ENTRIES: Final = "0-0"
"""The place in a stream before its first entry."""


@dataclass(frozen=True)
class OpenFolder:
    """Opens files and folders as one reader."""

    paths: tuple[Path, ...]
    block_rows: int
    follow: bool
    limits: Mapping[str, int] | None = None
    """How far each file is read; None: to its end."""

    @property
    def is_live(self) -> bool:
        """Whether it never ends by itself."""
        return self.follow

    def __call__(self, places: dict[str, Place]) -> Reader:
        """Open where an earlier reader stopped."""
        return FolderReader(self.paths, places, BLOCK_BYTES, self.block_rows, self.follow, self.limits)


@dataclass(frozen=True)
class OpenRedisStream:
    """Opens one Redis Stream."""

    url: str
    block_rows: int
    until: str | None = None
    """The last entry that is read; None: for ever."""

    @property
    def is_live(self) -> bool:
        """Whether it never ends by itself."""
        return True

    def __call__(self, places: dict[str, Place]) -> Reader:
        """Open after the last entry seen."""
        return RedisStreamReader(self.url, places, self.block_rows, until=self.until)


@dataclass(frozen=True)
class OpenKafka:
    """Opens one reader's part of the partitions of a Kafka topic."""

    topic: KafkaTopic
    block_rows: int
    reader: int = 0
    readers: int = 1

    @property
    def is_live(self) -> bool:
        """Whether it never ends by itself."""
        return not self.topic.bounded

    def __call__(self, places: dict[str, Place]) -> Reader:
        """Open at the offsets that an earlier reader came to."""
        from transforms.io.kafka_stream import KafkaReader

        return KafkaReader(self.topic, places, self.block_rows, reader=self.reader, readers=self.readers)


Opener = OpenFolder | OpenRedisStream | OpenKafka


def openers(
    sources: tuple[str, ...], block_rows: int, follow: bool, paced: bool, most_readers: int = 1
) -> list[Opener]:
    """Return one opener for all files together, one a stream, and up to `most_readers` for a Kafka topic.

    A topic has no more readers than partitions. Checks that sources exist and are understood.
    """
    streams = [source for source in sources if "://" in source]
    paths = tuple(Path(source).resolve() for source in sources if "://" not in source)
    found: list[Opener] = []
    if paths:
        event_files(paths)
        found.append(OpenFolder(paths, min(block_rows, PACED_BLOCK_ROWS) if paced else block_rows, follow))
    for url in streams:
        scheme = url.partition("://")[0]
        if is_kafka_url(url):
            found.extend(_kafka_openers(url, block_rows, most_readers))
            continue
        if scheme not in SCHEMES:
            raise UsageError(
                f"The source {url} is of the kind {scheme!r}; files, folders, redis://…?stream=KEY and "
                "kafka://HOST:PORT/TOPIC can be read."
            )
        check_stream(url)
        found.append(OpenRedisStream(url, min(block_rows, LIVE_BLOCK_ROWS)))
    return found


def bounded(opener: Opener, places: Mapping[str, Place]) -> Opener:
    """Return what reads from the beginning as far as these places, and never says that it has finished.

    Raises SourceError where the beginning is not there any more, or where that cannot be told.
    """
    if isinstance(opener, OpenFolder):
        limits = {name: int(place.offset) for name, place in places.items()}
        return replace(opener, limits=limits, follow=False)
    if isinstance(opener, OpenRedisStream):
        _check_whole(opener.url)
        return replace(opener, until=places[opener.url].offset if opener.url in places else BEFORE_ENTRIES)
    raise SourceError(
        f"The history of the topic {opener.topic.topic} cannot be read beside a job: only that of files, folders and Redis "
        "Streams can. Run the job again with the new views and --fresh: it starts over."
    )


def _check_whole(url: str) -> None:
    """Raise SourceError where entries of a stream were deleted or trimmed."""
    from transforms.io.redis_client import open_client

    server, key = split_stream_url(url)
    with open_client(server, socket_timeout=REACH_S, socket_connect_timeout=REACH_S) as client:
        told: Any = client.xinfo_stream(key) if client.exists(key) else {"length": 0, "entries-added": 0}
    if told["length"] != told["entries-added"]:
        raise SourceError(
            f"{told['entries-added'] - told['length']} entries of the stream {key} were deleted or trimmed, so a new view "
            "cannot know of them. Run the job with --fresh on what is left, or keep the views that it has."
        )


def _kafka_openers(url: str, block_rows: int, most_readers: int) -> list[OpenKafka]:
    """Return a topic's readers; one that is not there yet is waited for, unless its end is to be found now."""
    from transforms.io.kafka_client import partitions_now

    topic = parse_kafka_url(url)
    partitions = partitions_now(topic)
    if not partitions and topic.bounded:
        raise SourceError(f"There is no topic {topic.topic} at {topic.servers}. Correct the address.")
    if not partitions:
        _LOG.warning("There is no topic %s at %s yet; waiting for it.", topic.topic, topic.servers)
    readers = max(min(partitions, most_readers), 1)
    return [OpenKafka(topic, block_rows, reader, readers) for reader in range(readers)]


def check_stream(url: str) -> None:
    """Raise SourceError where no Redis answers, or another thing has the stream's name; it may come later."""
    from redis.exceptions import BusyLoadingError

    from transforms.io.redis_client import FAILURES, open_client, refuse_lone_node

    server, key = split_stream_url(url)
    try:
        with open_client(server, socket_timeout=REACH_S, socket_connect_timeout=REACH_S) as client:
            refuse_lone_node(client, server)
            kind: Any = client.type(key)
    except BusyLoadingError:
        return
    except (*FAILURES, ValueError) as error:
        raise SourceError(
            f"No Redis answers at {without_password(server)}: {error}. Start it, or correct the source."
        ) from error
    if kind not in (b"stream", b"none"):
        raise SourceError(
            f"{key} at {without_password(server)} is no stream but a {kind.decode()}. Name a stream."
        )


def dimension_folder(sources: tuple[str, ...], given: Path | None) -> Path | None:
    """Return the dimension folder to use: the one given, else `dims/` inside a single source folder."""
    if given is not None:
        return given
    beside = [Path(source) / "dims" for source in sources if "://" not in source]
    found = [folder for folder in beside if folder.is_dir()]
    return found[0] if len(found) == 1 else None
