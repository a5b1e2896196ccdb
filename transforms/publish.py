"""`Publisher`: where results go, as the steps of the pipeline see it; `transforms.io` has the Redis one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from transforms.archive import Finals, Write
from transforms.boards import Board

_FIELDS_A_WRITE: Final = 500


class Publisher(Protocol):
    """Takes absolute, versioned values; writing the same or an older one again changes nothing."""

    def epoch(self) -> int:
        """Return the number that this attempt's versions carry."""

    def follow(self, epoch: int) -> None:
        """Hear the epoch of the attempt that is gone on from, before the own one is asked for: it is above."""

    def forget_strays(self, epoch: int, strays: "Strays") -> None:
        """Delete what the shard published under this epoch after a state, or under a later one."""

    def set_newer(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        """Write values (version first) to fields of a hash, each unless a newer one stands there.

        A field is named once a call. `Packed` fields and values are written without a Python step each.
        """

    def set_once(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        """Write values that depend only on their field, so that repeating them is harmless."""

    def set_boards(self, key: str, version: bytes, boards: Sequence[Board]) -> None:
        """Replace leaderboards of one scope and window, unless newer ones stand there; `board_key` without a metric."""

    def add_windows(self, key: str, starts_ms: Sequence[int]) -> None:
        """Add window starts to a window index."""

    def progress(self, fields: dict[str, int]) -> None:
        """Show how far the pipeline has got."""

    def announce(self, key: str, body: bytes) -> None:
        """Add an entry to a capped stream of news; may be seen twice, or not at all."""

    def barrier(self) -> None:
        """See to it that nobody sees what is taken from now on before all that was taken so far."""

    def flush(self) -> None:
        """Send everything taken so far; waits and retries while the store is away."""

    def look(self) -> None:
        """Ask the store whether it still has what it took; `flush` asks by the way."""

    def lost(self) -> bool:
        """Whether the store was found without something that it had taken, since the last call of this."""

    def refill(self, writes: Iterable[Write]) -> None:
        """Write again what has left the state of whoever publishes here."""

    def refused(self) -> int:
        """How many values an attempt that came after this one kept out, since the last call of this."""


class Lossless:
    """What a publisher says whose store never loses, refuses or mixes up anything; to inherit from."""

    def announce(self, key: str, body: bytes) -> None:
        """Nobody waits for news."""

    def barrier(self) -> None:
        """Everything is seen in the order in which it is taken."""

    def follow(self, epoch: int) -> None:
        """Nothing is followed."""

    def forget_strays(self, epoch: int, strays: "Strays") -> None:
        """Nothing strays."""

    def look(self) -> None:
        """Nothing is asked."""

    def lost(self) -> bool:
        """Return that nothing is lost."""
        return False

    def refill(self, writes: Iterable[Write]) -> None:
        """Nothing is missing."""

    def refused(self) -> int:
        """Return that nothing is refused."""
        return 0


@dataclass(frozen=True)
class Strays:
    """Which of a shard's values may be there only because of the order in which pieces came.

    `kinds` begin their keys' braces, `owns` says of a key and a field whether they are this shard's, and
    `sequence` is how far its state has come: values with a greater one in their version are of a lost stretch.
    Leaderboards whose keys begin with one of `boards` are deleted whole.
    """

    kinds: tuple[str, ...]
    owns: Callable[[str, str], bool]
    sequence: int
    boards: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outlet:
    """One shard's way out: its publisher, and what leaves its state but must stay published."""

    publisher: Publisher
    finals: Finals = field(default_factory=Finals)


class Grouped:
    """Values waiting for their write, grouped by key: the fewer commands, the faster."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[str, bytes]] = {}

    def put(self, key: str, field: str, value: bytes) -> None:
        """Hold a value; a later one for the same field replaces it."""
        self._waiting.setdefault(key, {})[field] = value

    def write_newer(self, publisher: Publisher) -> None:
        """Hand everything held to the publisher, a bounded number of fields a command."""
        for key, values in self._waiting.items():
            fields = list(values)
            for begin in range(0, len(fields), _FIELDS_A_WRITE):
                part = fields[begin : begin + _FIELDS_A_WRITE]
                publisher.set_newer(key, part, [values[field] for field in part])
        self._waiting.clear()

    def keep_in(self, finals: Finals) -> None:
        """Hand everything held to an archive."""
        for key, values in self._waiting.items():
            finals.put(key, [field.encode() for field in values], list(values.values()))
        self._waiting.clear()


class PublisherFactory(Protocol):
    """Opens a publisher on a worker; must pickle."""

    def __call__(self) -> Publisher:
        """Open one."""
