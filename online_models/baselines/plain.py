"""How a plain model is asked and taught: one positive event after another, each asked first."""

from collections import defaultdict
from typing import Protocol

import numpy as np

from online_models.events import CLICK, NO_SESSION, Events
from online_models.history import SILENCE_MS

Session = tuple[int, int]
"""A user, and one of their sessions."""


class PlainModel(Protocol):
    """A model as `plain_ranks` drives it."""

    def scores(self, session: Session, items: list[int]) -> dict[int, float]:
        """What may come after the session's items so far, oldest first; other items count as unranked."""
        ...

    def learn(self, session: Session, items: list[int], item: int) -> None:
        """The session's items so far, and what came next."""
        ...


def plain_ranks(model: PlainModel, events: Events, asked: np.ndarray, *, once: bool = False) -> np.ndarray:
    """The rank from 1 of each click that is asked, 0 where it was unranked, -1 for other events.

    Equal scores share the best place; with `once`, items that the user took have none. Costs what the model
    does, in plain Python.
    """
    ranks = np.full(len(events.item), -1, np.int32)
    items: dict[Session, list[int]] = defaultdict(list)
    last_ms: dict[int, int] = {}
    silences: dict[int, int] = defaultdict(int)
    taken: dict[int, set[int]] = defaultdict(set)
    columns = (column.tolist() for column in events[:5])
    for row, (time_ms, user, item, key, kind) in enumerate(zip(*columns, strict=True)):
        silences[user] += time_ms - last_ms.get(user, time_ms) > SILENCE_MS
        last_ms[user] = time_ms
        if kind != CLICK or user < 0 or item < 0:
            continue
        session = user, key if key != NO_SESSION else -1 - silences[user]
        if asked[row]:
            ranks[row] = _rank(model.scores(session, items[session]), item, taken[user])
        if once:
            taken[user].add(item)
        model.learn(session, items[session], item)
        items[session].append(item)
    return ranks


def _rank(scores: dict[int, float], item: int, taken: set[int]) -> int:
    mine = scores.get(item)
    if mine is None:
        return 0
    return 1 + sum(score > mine for other, score in scores.items() if other not in taken)
