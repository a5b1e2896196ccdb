"""`UserSets`: very many sets of users, exact up to 1,536 members and HLL sketches beyond, each named by one integer.

A user is a 64-bit hash, never 0; the reference of a set is an int64 that its owner keeps, 0 for the empty set, and
changes with the set. What a set counts depends on its members alone, not on their order or on what was merged in
between. Cost: 20 to 60 ns an `add` from a kernel. A set of n members takes 8 bytes each when frozen; warm, a power
of two of at most 21 bytes each; 16 KiB from 1,537 members on.

>>> sets = UserSets()
>>> one = sets.of([3, 5])
>>> two = sets.of(range(1, 10_000))
>>> sets.size(one), abs(sets.size(two) - 9_999) < 300, sets.size(sets.united([one, two])) == sets.size(two)
(2, True, True)
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from transforms.metrics import set_kernels as kernels
from transforms.metrics.set_kernels import COUNT_MASK, DENSE, FROZEN, PLACE_SHIFT, REGISTERS, TOP, WORD_BYTES
from transforms.metrics.sketches import Registers, estimate
from transforms.state import spill

Refs = npt.NDArray[np.int64]
Space = tuple[Any, ...]
"""The arrays that all sets live in, as kernels take them."""

EMPTY: Final = 0
_USED, _DEAD = range(2)
_REPACK_LEAST: Final = 1 << 17
"""Holes of less than a megabyte are let be."""


class UserSets:
    """Sets of users in a few flat arrays."""

    def __init__(self) -> None:
        self._arena = np.zeros(0, np.uint64)
        self._heads = np.full(TOP + 1, -1, np.int64)
        self._heads[TOP] = 0
        self._cold, self._tally = np.zeros(0, np.uint64), np.zeros(2, np.int64)

    def space(self) -> Space:
        """Return the arrays for a kernel, with room for at least one operation."""
        needed = int(self._heads[TOP]) + kernels.ROOM_WORDS
        if needed > len(self._arena):
            self._arena = spill.grown(self._arena[: self._heads[TOP]], needed)
        return self._arena, self._arena.view(np.uint8), self._heads, self._cold, self._tally

    def of(self, users: Iterable[int]) -> int:
        """Return a new set of these users."""
        members = np.fromiter(users, np.uint64)
        ref, done = EMPTY, 0
        while done < len(members):
            ref, done = kernels.add_all(self.space(), ref, members, done)
        return int(ref)

    def add(self, ref: int, user: int) -> tuple[int, bool]:
        """Add one user; returns the set's reference from then on, and whether the set is another one."""
        ref, is_new = kernels.add(self.space(), ref, np.uint64(user))
        return int(ref), bool(is_new)

    def merged(self, into: int, other: int) -> int:
        """Add the members of another set, which stays as it is; returns the first one's reference from then on."""
        return int(kernels.union(self.space(), into, other)) if other else into

    def united(self, refs: Iterable[int]) -> int:
        """Return a new set of the members of all these sets, which stay as they are."""
        into = EMPTY
        for ref in refs:
            into = self.merged(into, ref)
        return into

    def free(self, ref: int) -> None:
        """Give a set's room back; the reference is dead."""
        kernels.free(self.space(), ref)

    def size(self, ref: int) -> int:
        """Return how many members a set has: exact up to 1,536, the sketch's estimate beyond.

        An estimate takes some 15 µs.
        """
        registers = self.registers(ref)
        return ref & COUNT_MASK if registers is None else estimate(registers)

    def registers(self, ref: int) -> Registers | None:
        """Return the registers of a set that is a sketch, as a view; None where it is exact."""
        if kernels.kind_of(ref) != DENSE:
            return None
        begin = (ref >> PLACE_SHIFT) * WORD_BYTES
        held = self._cold if ref & FROZEN else self._arena
        registers: Registers = held.view(np.uint8)[begin : begin + REGISTERS]
        return registers

    def freeze(self, refs: Refs, rows: npt.NDArray[np.int64]) -> None:
        """Pack the sets in some rows of a table of references; adding to one takes it back."""
        space = self.space()
        needed = int(self._tally[_USED]) + kernels.packed_words(refs, rows)
        if needed > len(self._cold):
            self._cold = spill.grown(self._cold[: self._tally[_USED]], needed)
            space = self.space()
        kernels.freeze(space, refs, rows)

    def free_rows(self, refs: Refs, rows: npt.NDArray[np.int64]) -> None:
        """Empty the sets in some rows of a table of references."""
        kernels.free_rows(self.space(), refs, rows)

    def repack(self, refs: Refs) -> None:
        """Close the holes among what is frozen once they are half of it; `refs` must hold every set there is."""
        used, dead = self._tally.tolist()
        if dead < _REPACK_LEAST or 2 * dead < used:
            return
        fresh = spill.zeros(used - dead, np.uint64)
        self._tally[:] = kernels.repack(self._cold, refs, fresh), 0
        self._cold = fresh

    def held_bytes(self) -> tuple[int, int]:
        """Return the bytes in use in warm and in frozen sets, free blocks and holes included."""
        return int(self._heads[TOP]) * WORD_BYTES, int(self._tally[_USED]) * WORD_BYTES

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot; the references are their owner's to keep."""
        return {
            "arena": self._arena[: self._heads[TOP]],
            "heads": self._heads,
            "cold": self._cold[: self._tally[_USED]],
            "tally": self._tally,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self._arena, self._cold = spill.copied(state["arena"]), spill.copied(state["cold"])
        self._heads, self._tally = np.array(state["heads"]), np.array(state["tally"])
