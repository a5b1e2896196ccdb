"""Which generation of feature records a client last saw in a namespace: what it asks for next, in one round trip.

A guess that every answer confirms or corrects, so nothing depends on it but a second trip after views were changed.
"""

from typing import Any, Final
from weakref import WeakKeyDictionary

_SEEN: Final[WeakKeyDictionary[Any, dict[str, int]]] = WeakKeyDictionary()


def last_generation(client: Any, namespace: str) -> int:
    """Return the generation that was last seen by a client, 0 at first."""
    return _SEEN.get(client, {}).get(namespace, 0)


def saw_generation(client: Any, namespace: str, generation: int) -> None:
    """Take note of the generation that the records have now."""
    _SEEN.setdefault(client, {})[namespace] = generation
