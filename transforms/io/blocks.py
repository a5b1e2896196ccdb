"""`Block`: what any reader hands on — one partition's next stretch of input and where it ends."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from schemas.codecs.jsonl import Decoded


class Place(NamedTuple):
    """How far one source partition has been read: offset, highest event time in UTC ms, and whether it ended.

    The offset is a byte offset, a row number or a stream id, as its reader understands it.
    """

    offset: str
    highest_ms: int
    ended: bool = False


class Block(NamedTuple):
    """A stretch of one partition; `drained` says that nothing more was there to read just now."""

    partition: str
    decoded: Decoded
    offset: str
    ended: bool = False
    drained: bool = False
    ingested_at_ms: Sequence[int] | None = None


class Reader(Protocol):
    """Reads blocks of one or more partitions from where it was told to begin."""

    def read(self) -> Block | None:
        """Return the next block, None where nothing is there now; waits a few milliseconds at most."""

    def advance(self, partition: str, highest_ms: int) -> None:
        """Hear the highest accepted event time of a partition, so that the one furthest behind is read next."""

    @property
    def least_ms(self) -> int:
        """The least event time that any partition still to be read has got to, or begins at."""

    @property
    def finished(self) -> bool:
        """Whether nothing will ever come again."""

    def close(self) -> None:
        """Give files and connections back."""
