"""From the sources named on the command line to readers that a pipeline can open on any worker."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from runners.embedded_redis import without_password
from schemas.errors import SourceError, UsageError
from transforms.io.blocks import Place, Reader
from transforms.io.folder import FolderReader, event_files
from transforms.io.redis_stream import RedisStreamReader
from transforms.io.stream_url import split_stream_url

REDIS_SCHEMES: Final = ("redis", "rediss", "unix")
LIVE_BLOCK_ROWS: Final = 8192
PACED_BLOCK_ROWS: Final = 2048
BLOCK_BYTES: Final = 4 << 20
REACH_S: Final = 5.0


@dataclass(frozen=True)
class OpenFolder:
    """Opens files and folders as one reader."""

    paths: tuple[Path, ...]
    block_rows: int
    follow: bool

    def __call__(self, places: dict[str, Place]) -> Reader:
        """Open where an earlier reader stopped."""
        return FolderReader(self.paths, places, BLOCK_BYTES, self.block_rows, self.follow)


@dataclass(frozen=True)
class OpenRedisStream:
    """Opens one Redis Stream."""

    url: str
    block_rows: int

    def __call__(self, places: dict[str, Place]) -> Reader:
        """Open after the last entry seen."""
        return RedisStreamReader(self.url, places, self.block_rows)


def openers(
    sources: tuple[str, ...], block_rows: int, follow: bool, paced: bool
) -> list[OpenFolder | OpenRedisStream]:
    """Return one opener for all files together, and one a stream; checks that they exist and are understood."""
    streams = [source for source in sources if "://" in source]
    paths = tuple(Path(source).resolve() for source in sources if "://" not in source)
    found: list[OpenFolder | OpenRedisStream] = []
    if paths:
        event_files(paths)
        found.append(OpenFolder(paths, min(block_rows, PACED_BLOCK_ROWS) if paced else block_rows, follow))
    for url in streams:
        scheme = url.partition("://")[0]
        if scheme not in REDIS_SCHEMES:
            raise UsageError(
                f"The source {url} is of the kind {scheme!r}; files, folders and redis://…?stream=KEY can be read."
            )
        check_stream(url)
        found.append(OpenRedisStream(url, min(block_rows, LIVE_BLOCK_ROWS)))
    return found


def check_stream(url: str) -> None:
    """Raise SourceError where no Redis answers, or another thing has the stream's name; it may come later."""
    import redis

    server, key = split_stream_url(url)
    try:
        with redis.Redis.from_url(server, socket_timeout=REACH_S, socket_connect_timeout=REACH_S) as client:
            kind: Any = client.type(key)
    except redis.exceptions.BusyLoadingError:
        return
    except (redis.RedisError, ValueError) as error:
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
