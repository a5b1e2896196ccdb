"""V-SkNN: the sessions most like this one speak for what was in them."""

from collections import defaultdict, deque
from heapq import nlargest

from online_models.baselines.plain import Session

SAMPLED = 500
NEIGHBOURS = 100


class SessionKNN:
    """Vector multiplication session-kNN over the latest sessions of each item.

    Ludewig, Jannach: "Evaluation of session-based recommendation algorithms", 2018, section 3.2: an own
    item weighs by its place, a neighbour speaks less the further back the latest item shared with it is.

    >>> model = SessionKNN()
    >>> model.learn((0, 1), [], 7)
    >>> model.learn((0, 1), [7], 8)
    >>> sorted(model.scores((1, 1), [7]))
    [7, 8]
    """

    def __init__(self) -> None:
        self._sessions: dict[int, deque[Session]] = defaultdict(lambda: deque(maxlen=SAMPLED))
        self._items: dict[Session, dict[int, None]] = defaultdict(dict)

    def scores(self, session: Session, items: list[int]) -> dict[int, float]:
        """Sums over the sessions most alike."""
        alike: dict[Session, float] = defaultdict(float)
        nearest: dict[Session, int] = {}
        for steps, item in enumerate(items[::-1]):
            weight = (len(items) - steps) / len(items)
            for other in self._sessions[item] if item not in items[len(items) - steps :] else ():
                if other != session:
                    alike[other] += weight
                    nearest.setdefault(other, steps)
        said: dict[int, float] = defaultdict(float)
        for other in nlargest(NEIGHBOURS, alike, key=lambda each: alike[each]):
            near = max(0.0, 1.0 - 0.1 * nearest[other])
            for item in self._items[other]:
                said[item] += alike[other] * near
        return dict(said)

    def learn(self, session: Session, items: list[int], item: int) -> None:  # noqa: ARG002
        """The session has the item."""
        if item not in self._items[session]:
            self._items[session][item] = None
            self._sessions[item].append(session)
