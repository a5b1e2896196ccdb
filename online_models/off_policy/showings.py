"""Which showing of an item led to it being taken: the latest one to the user before that, within some time."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence

Showing = tuple[str, str, int]
"""To whom, what, and when."""

Taking = tuple[str, str, int]
"""Who clicked or bought what, and when."""


def first_taken(showings: Sequence[Showing], takings: Iterable[Taking], within_ms: int) -> list[int | None]:
    """Return for each showing when it was first taken, None for those that were not, or not within so long.

    What was taken at the very moment of a showing was taken before it: an answer knows of the events up to its moment.
    Of two showings at one moment the later in the log counts. Costs a pass over both, and a sort.

    >>> first_taken([("ann", "tea", 0), ("ann", "tea", 50)], [("ann", "tea", 90), ("ann", "tea", 50)], 60)
    [50, 90]
    >>> first_taken([("ann", "tea", 0)], [("ann", "tea", 0), ("ann", "cup", 5), ("bob", "tea", 5), ("ann", "tea", 61)], 60)
    [None]
    """
    places: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for place, (user, item, at_ms) in enumerate(showings):
        places[user, item].append((at_ms, place))
    for each in places.values():
        each.sort()
    first: list[int | None] = [None] * len(showings)
    for user, item, time_ms in takings:
        held = places.get((user, item), [])
        before = bisect_left(held, (time_ms, -1))
        if before:
            at_ms, place = held[before - 1]
            known = first[place]
            if time_ms - at_ms <= within_ms and (known is None or time_ms < known):
                first[place] = time_ms
    return first
