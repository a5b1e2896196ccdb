"""`Shared`: what all copies of one step in one process have in common.

A worker runs several copies of a step side by side, one a bundle, and which of them gets a key's next bundle is
chance. What is costly to build (a shard's memory, a source's connections) must not be built again for that.
Keys are never worked on by two bundles at once, so nothing here is locked but its coming and going.

>>> step = Shared(list)
>>> one, other = step.take(), step.take()
>>> one is other, Shared(list).take() is one
(True, False)
>>> _ = [step.give_back(), step.give_back()]
>>> step.take() is one
False
"""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

Held = TypeVar("Held")
Told = TypeVar("Told")


@dataclass
class _Entry:
    held: Any
    users: int = 0


_LOCK: Final = threading.Lock()
_ENTRIES: Final[dict[str, _Entry]] = {}


class Shared(Generic[Held]):
    """Made where the pipeline is composed; every unpickled copy in a process takes the same thing."""

    def __init__(self, make: Callable[[], Held]) -> None:
        self._make, self._name = make, secrets.token_hex(8)

    def take(self) -> Held:
        """Return the thing, made at the first call."""
        with _LOCK:
            entry = _ENTRIES.get(self._name)
            if entry is None:
                entry = _ENTRIES[self._name] = _Entry(self._make())
            entry.users += 1
            held: Held = entry.held
            return held

    def give_back(self, last: Callable[[Held], list[Told]] | None = None) -> list[Told]:
        """Take note that one user is done; after the last one it is gone, and `last` says what is to be closed."""
        with _LOCK:
            entry = _ENTRIES.get(self._name)
            if entry is None:
                return []
            entry.users -= 1
            if entry.users > 0:
                return []
            del _ENTRIES[self._name]
        return last(entry.held) if last else []
