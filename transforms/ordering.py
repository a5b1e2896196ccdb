"""The order of pieces between two steps: numbered where they are sent, put back in order where they arrive.

Beam promises no order at all. Flink and the Direct runner keep it between two keys; Prism takes what waits for
a key by its timestamp, and what has the same one in any order. A shard must not see that: its sender's
watermark must not come before the events that it speaks of.

>>> from transforms.pieces import Progress
>>> order = InOrder()
>>> arrived = [Piece(Progress(0, 1, number, 0), ()) for number in (2, 3, 1)]
>>> [[piece.progress.sequence for piece in order.take(piece)] for piece in arrived]
[[], [], [1, 2, 3]]
"""

from dataclasses import dataclass, field
from typing import Final

from transforms.pieces import Keyed, Piece

UNNUMBERED: Final = 0
"""The number of a piece that stands outside any order: it is taken as it comes."""


@dataclass
class InOrder:
    """Gives every sender's pieces in the order of their numbers, 1 first; one lookup a piece in order.

    What comes too early is held; a number that was given before is left out. Part of a shard's state.
    """

    given: dict[int, int] = field(default_factory=dict)
    waiting: dict[tuple[int, int], Piece] = field(default_factory=dict)

    def take(self, piece: Piece) -> list[Piece]:
        """Take what arrived and return what its receiver may absorb now, which may be nothing."""
        sender, number = piece.progress.sender, piece.progress.sequence
        if number == UNNUMBERED:
            return [piece]
        following = self.given.get(sender, UNNUMBERED) + 1
        if number > following:
            self.waiting[sender, number] = piece
        if number != following:
            return []
        return [piece, *self._held_back(sender, number)]

    def _held_back(self, sender: int, number: int) -> list[Piece]:
        """Return what waited for a piece with this number, and note how far its sender is now."""
        ready = []
        while (sender, number + 1) in self.waiting:
            number += 1
            ready.append(self.waiting.pop((sender, number)))
        self.given[sender] = number
        return ready


@dataclass
class Numbers:
    """Numbers one sender's pieces from 1 on, for each of its outputs and each receiver. Part of a shard's state."""

    sent: dict[tuple[str, int], int] = field(default_factory=dict)

    def numbered(self, output: str, keyed: Keyed) -> Keyed:
        """Return the next piece of an output with its number."""
        receiver, piece = keyed
        number = self.sent[output, receiver] = self.sent.get((output, receiver), UNNUMBERED) + 1
        return receiver, Piece(piece.progress._replace(sequence=number), piece.batches, piece.urgent)
