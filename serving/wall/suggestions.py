"""What the recommender would show somebody it knows nothing of, and why."""

from dataclasses import dataclass
from typing import Final

from serving.access import Store
from serving.recommendations import read_recommendations

NOBODY: Final = ""
SHOWN: Final = 8


@dataclass(frozen=True)
class Suggestion:
    """One item, and the part of the model that spoke for it most."""

    item_id: str
    reason: str


@dataclass(frozen=True)
class Suggestions:
    """The next items and the model they are by; none, and version None, where no model is published."""

    items: list[Suggestion]
    model_version: int | None
    as_of_ms: int | None


def read_suggestions(store: Store, at_ms: int | None) -> Suggestions:
    """Return what to show next to a newcomer; three round trips."""
    answer = read_recommendations(store, NOBODY, SHOWN, at_ms)
    items = [Suggestion(item.item_id, item.part) for item in answer.items]
    known = bool(answer.as_of_ms)
    return Suggestions(items, answer.model_version if known else None, answer.as_of_ms if known else None)
