"""A publisher that keeps, as Redis would, the newest value of every field; and a pace that never waits."""

from collections.abc import Callable, Sequence

from schemas.keys import Version, unpack_version
from transforms.boards import Board
from transforms.pacing import Pace
from transforms.publish import Lossless


class Recorded(Lossless):
    """What was published; every shard of a test may share one."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], bytes] = {}
        self.windows: dict[str, set[int]] = {}
        self.boards: dict[str, list[tuple[bytes, int]]] = {}
        """Members and scores, best first, by key."""
        self.told: dict[str, int] = {}
        self.attempt = 1

    def __call__(self) -> "Recorded":
        return self

    def epoch(self) -> int:
        return self.attempt

    def set_newer(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        for field, value in zip(fields, values, strict=True):
            name = field.decode() if isinstance(field, bytes) else field
            if self.version(key, name) <= unpack_version(value):
                self.held[key, name] = value

    def version(self, key: str, field: str) -> Version:
        held = self.held.get((key, field))
        return unpack_version(held) if held else Version(-1, 0, 0)

    def set_once(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        self.set_newer(key, fields, values)

    def set_boards(self, key: str, version: bytes, boards: Sequence[Board]) -> None:
        if self.version(key, "") > unpack_version(version):
            return
        self.held[key, ""] = version
        for board in boards:
            self.boards[f"{key}:{board.metric}"] = list(zip(board.ids, board.values, strict=True))

    def add_windows(self, key: str, starts_ms: Sequence[int]) -> None:
        self.windows.setdefault(key, set()).update(starts_ms)

    def progress(self, fields: dict[str, int]) -> None:
        self.told |= fields

    def flush(self) -> None:
        """Nothing waits here."""

    def bodies(self) -> dict[tuple[str, str], bytes]:
        """Every value without its version."""
        return {name: value[20:] for name, value in self.held.items()}


def at_once() -> Callable[[], Pace]:
    """A pace at which everything is always due."""
    return lambda: Pace(0.0, lambda: 0.0)


def only_if_urgent() -> Callable[[], Pace]:
    """A pace at which nothing is due before the source says so."""
    return lambda: Pace(1.0, lambda: 0.0)
