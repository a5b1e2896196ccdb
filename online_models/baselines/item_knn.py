"""Item-kNN: what shares sessions with the last item, by cosine."""

from collections import Counter, defaultdict
from math import sqrt

from online_models.baselines.plain import Session


class ItemKNN:
    """Counts in how many sessions items meet; a new item is compared by the cosine of those counts.

    Sarwar, Karypis, Konstan, Riedl: "Item-based collaborative filtering", WWW 2001. Costs a scan of all
    items that the last one ever met.

    >>> model = ItemKNN()
    >>> model.learn((0, 1), [], 7)
    >>> model.learn((0, 1), [7], 8)
    >>> model.scores((1, 1), [7])
    {8: 1.0}
    """

    def __init__(self) -> None:
        self._met: dict[int, Counter[int]] = defaultdict(Counter)
        self._sessions: Counter[int] = Counter()

    def scores(self, session: Session, items: list[int]) -> dict[int, float]:  # noqa: ARG002
        """The cosine of what the last item met; nothing at the beginning of a session."""
        if not items:
            return {}
        last = items[-1]
        own = max(self._sessions[last], 1)
        return {
            item: count / sqrt(own * max(self._sessions[item], 1)) for item, count in self._met[last].items()
        }

    def learn(self, session: Session, items: list[int], item: int) -> None:  # noqa: ARG002
        """The item meets each item of its session, once a session."""
        if item in items:
            return
        self._sessions[item] += 1
        for other in set(items):
            self._met[other][item] += 1
            self._met[item][other] += 1
