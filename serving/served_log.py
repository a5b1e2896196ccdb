"""A sample of what was read of features, kept so that a replay can be held to it: a JSON line a read.

A line has the entity's ids by field, `at_ms`, `as_of_ms` (the newest event that the values could hold) and the values,
so it is a row of labels for `interestream export --training-set`.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from serving.features import EntityFeatures

SHARE: Final = 0.01


@dataclass
class ServedLog:
    """Appends one read in a hundred (`share`) to a file; `chance` draws from [0, 1)."""

    path: Path
    share: float = SHARE
    chance: Callable[[], float] = field(default=random.random)

    def take(self, entity: Sequence[str], found: Sequence[EntityFeatures], at_ms: int, as_of_ms: int) -> int:
        """Log some of what was read of entities, those whose values belong to one moment; returns how many lines."""
        lines = [
            msgspec.json.encode(
                {
                    **dict(zip(entity, each.ids, strict=True)), "at_ms": at_ms, "as_of_ms": as_of_ms,
                    "values": each.values,
                }
            )
            for each in found
            if each.whole and self.chance() < self.share
        ]  # fmt: skip
        if lines:
            with self.path.open("ab") as file:
                file.write(b"\n".join(lines) + b"\n")
        return len(lines)
