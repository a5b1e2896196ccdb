"""A small shard whose every output tells all that it ever absorbed, and where it publishes."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from transforms.pieces import Keyed, Piece, Progress
from transforms.shards import Output

PUBLISHED: list[tuple[int, list[int]]] = []
"""Key and content of every publication of every shard in this process."""


class CountingShard:
    """Keeps every number it was given, in order."""

    def __init__(self, key: int) -> None:
        self.key, self.numbers, self.muted = key, list[int](), False

    def absorb(self, piece: Piece) -> Iterator[Output]:
        self.numbers += piece.batch["n"].to_pylist()
        if not self.muted:
            PUBLISHED.append((self.key, list(self.numbers)))
        yield "told", (self.key, piece_of(self.numbers))
        yield "size", (self.key, piece_of([len(self.numbers)]))

    def logged(self, piece: Piece) -> Piece:
        return piece

    def state(self) -> dict[str, Any]:
        return {"numbers": list(self.numbers)}

    def load(self, state: dict[str, Any]) -> None:
        self.numbers = list(state["numbers"])

    def mute(self, muted: bool) -> None:
        self.muted = muted

    def outlet(self) -> None:
        return None

    def strays(self) -> None:
        return None

    def republish(self) -> None:
        raise AssertionError("It publishes nothing.")


def piece_of(numbers: list[int], sequence: int = 0) -> Piece:
    return Piece(Progress(0, 1, sequence, 5), (pa.record_batch({"n": pa.array(numbers, pa.int64())}),))


def numbers_of(keyed: Keyed) -> tuple[int, list[int]]:
    return keyed[0], keyed[1].batch["n"].to_pylist()
