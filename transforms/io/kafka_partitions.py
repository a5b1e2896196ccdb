"""Where a reader stands in each partition of a topic, which of them it reads, and which holds the watermark back.

Pure bookkeeping: time is passed in (a monotonic clock in seconds), and nothing here talks to a broker.

**Division.** Reader i of n reads the partitions whose number leaves the remainder i when divided by n. It needs
no talk between readers, and a partition that is added later has its reader at once.

**The idle rule.** A partition holds the watermark back until it has been read to its end and has said nothing for
`idle_s`. Then the others go on without it. When it speaks again, its events are judged by the reader's own
watermark, as those of any partition that joins late: only what lies behind it by more than the allowed
lateness is refused. While no partition speaks, the watermark stands still.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final, NamedTuple

from transforms.io.blocks import Place
from transforms.io.stream_entries import Entries
from transforms.pieces import BEFORE_ALL_MS

PATIENCE_S: Final = 2.0
"""How long the partition furthest behind is waited for before one that is further ahead is read."""
_BOUND: Final = ".."


def own_partitions(numbers: Iterable[int], reader: int, readers: int) -> list[int]:
    """Return the partitions that one of several readers reads.

    >>> [own_partitions(range(5), reader, 2) for reader in range(2)]
    [[0, 2, 4], [1, 3]]
    """
    return [number for number in numbers if number % readers == reader]


def place_text(offset: int, end: int | None) -> str:
    """Return an offset as a place keeps it, with where reading ends if that is bounded.

    >>> place_text(17, None), place_text(17, 40), parse_place("17"), parse_place("17..40")
    ('17', '17..40', (17, None), (17, 40))
    """
    return str(offset) if end is None else f"{offset}{_BOUND}{end}"


def parse_place(text: str) -> tuple[int, int | None]:
    """Read what `place_text` wrote."""
    offset, bounded, end = text.partition(_BOUND)
    return int(offset), int(end) if bounded else None


class Messages(NamedTuple):
    """Messages of one partition in columns: the offset after each, and its value."""

    after: list[int]
    values: list[bytes]


@dataclass
class Partition:
    """One partition: `offset` is the next that has not been handed on yet; `waiting` came after it."""

    number: int
    offset: int
    end: int | None = None
    highest_ms: int = BEFORE_ALL_MS
    ended: bool = False
    spoke_s: float = 0.0
    at_end: bool = False
    idle: bool = False
    held: bool = False
    waiting: list[bytes] = field(default_factory=list)
    waiting_bytes: int = 0
    _after: list[int] = field(default_factory=list)
    _covered: int = 0

    @property
    def place(self) -> str:
        """Where the next reader of it would go on."""
        return place_text(self.offset, self.end)

    @property
    def fetched(self) -> int:
        """The offset after the last message that came."""
        return self._after[-1] if self.waiting else self.offset

    def fed(self, messages: Messages, now_s: float) -> None:
        """Take messages that came; those read before, and those beyond the end, are left out."""
        after, values = messages
        first = bisect_right(after, self.fetched)
        last = len(after) if self.end is None else bisect_right(after, self.end)
        self._after.extend(after[first:last])
        self.waiting.extend(values[first:last])
        self.waiting_bytes += sum(map(len, values[first:last]))
        self.spoke_s, self.at_end, self.idle = now_s, False, False
        self._cover(after[-1])

    def reached_end(self, offset: int) -> None:
        """Hear that nothing stands behind an offset now."""
        self.at_end = True
        self._cover(offset)

    def _cover(self, offset: int) -> None:
        """Hear that all before an offset has come: markers without a message are passed over."""
        self._covered = max(self._covered, offset if self.end is None else min(offset, self.end))
        if not self.waiting:
            self.offset = max(self.offset, self._covered)

    def taken(self, rows: int, size: int) -> Entries:
        """Hand on what waits, oldest first: at most so many messages and about so many bytes, and at least one."""
        sizes = list(accumulate(map(len, self.waiting[:rows])))
        count = min(bisect_left(sizes, size) + 1, len(sizes))
        handed = Entries(self._after[:count], self.waiting[:count])
        self._after, self.waiting = self._after[count:], self.waiting[count:]
        self.waiting_bytes -= sizes[count - 1]
        self.offset = int(handed.ids[-1])
        self._cover(self.offset)
        return handed

    @property
    def is_complete(self) -> bool:
        """Whether everything up to a bound has been handed on, though not said yet."""
        return self.end is not None and not self.waiting and self.offset >= self.end

    def may_be_idle(self, now_s: float, idle_s: float) -> bool:
        """Whether it has been silent at its end for long enough; that it still ends there is for a broker to say."""
        return (
            not (self.idle or self.ended or self.waiting) and self.at_end and now_s - self.spoke_s >= idle_s
        )


def restored(place: Place, number: int, now_s: float) -> Partition:
    """Return a partition as an earlier reader left it."""
    offset, end = parse_place(place.offset)
    return Partition(number, offset, end, place.highest_ms, place.ended, now_s)


def least_ms(partitions: Iterable[Partition]) -> int:
    """Return the least event time that any partition has got to which is neither idle nor ended."""
    going = [each.highest_ms for each in partitions if not (each.ended or each.idle)]
    return min(going, default=BEFORE_ALL_MS)


def next_to_read(partitions: Iterable[Partition], now_s: float) -> Partition | None:
    """Return the partition furthest behind in event time, None where it is worth waiting for.

    One that has nothing yet but is not at its end is waited for, for `PATIENCE_S` since it last spoke: so the
    partitions of a topic are read as its events happened, and one whose broker is away stops nobody.
    """
    expected = [
        each
        for each in partitions
        if each.waiting or not (each.ended or each.at_end or each.idle or now_s - each.spoke_s >= PATIENCE_S)
    ]
    found = min(expected, key=lambda each: (each.highest_ms, each.number), default=None)
    return found if found is not None and found.waiting else None
