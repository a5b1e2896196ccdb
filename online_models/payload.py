"""What serving reads: the values under which model, items and users are published, in msgpack.

Writer (`updates`) and reader (`answer`) share this file and nothing else; it must stay cheap to import.
"""

import msgspec

NEXT, LAST, FRESH, PREV, AGAIN, BACK, POPULAR = range(7)
"""The features of a candidate: after the last items; right after the very last; freshly so; before them;
the very last item again; an earlier one again; and from `POPULAR` on one a popularity half-life."""

SHRINK = 5.0
"""Steps that every item is credited with beside those seen, so that rare items promise little."""

FLOOR = 1e-3
"""Shares below this are as good as none: a feature is the fourth root of (1 + share / floor), less 1."""

BLENDED = 50
"""Places of each popularity list that are candidates beside a user's own; all are where nothing is known."""

CONTEXTS = 13
"""Weights are learned by number of items in the session: 0, 1 … 10, more; the last is for a new session."""

ONLY_EARLIER = CONTEXTS - 1


def context_of(lasts: int, inside: int) -> int:
    """Which weights are used where `lasts` items count, `inside` of them in this session."""
    if lasts > 0 and inside == 0:
        return ONLY_EARLIER
    return min(lasts, ONLY_EARLIER - 1)


class PopularList(msgspec.Struct, frozen=True, array_like=True):
    """The best items of one half-life, best first: ids, shares of all decayed counts, hour last seen."""

    items: list[str]
    shares: list[float]
    seen_hours: list[int]


class ModelPayload(msgspec.Struct, frozen=True):
    """What every answer needs; `weights[context][feature]`, half-lives of transitions in milliseconds."""

    model_version: int
    as_of_ms: int
    weights: list[list[float]]
    popular: list[PopularList]
    half_lives_ms: tuple[float, float]
    reach: int
    fall: float
    availability_ms: int | None
    counters: dict[str, float]


class ItemPayload(msgspec.Struct, frozen=True, array_like=True):
    """An item's neighbours as of `at_ms`; weights are float32 bytes, three a successor, one a predecessor."""

    seen_hour: int
    at_ms: int
    next_items: list[str]
    next_weights: bytes
    next_totals: tuple[float, float, float]
    prev_items: list[str]
    prev_weights: bytes
    prev_total: float


class UserPayload(msgspec.Struct, frozen=True, array_like=True):
    """A user's last items with times, oldest first, expired ones empty; `inside`: of this session."""

    items: list[str]
    times_ms: list[int]
    inside: int
