"""The answer to "what for this user now?", from published values alone: pure, and quick to import.

The same sums as the learner's, over the same bounded candidates, in the same order, so that what is
served is what was measured.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from math import sqrt

import msgspec

from online_models.payload import (
    AGAIN,
    BACK,
    BLENDED,
    FLOOR,
    FRESH,
    LAST,
    NEXT,
    POPULAR,
    PREV,
    SHRINK,
    ItemPayload,
    ModelPayload,
    UserPayload,
    context_of,
)

HOUR_MS = 3_600_000
MAX_AGE_MS = 10 * 60_000
FetchItems = Callable[[list[str]], dict[str, bytes]]

_read_model = msgspec.msgpack.Decoder(ModelPayload).decode
_read_item = msgspec.msgpack.Decoder(ItemPayload).decode
_read_user = msgspec.msgpack.Decoder(UserPayload).decode


class Features(dict[str, list[float]]):
    """What each part says of each candidate, in the order in which candidates were found."""

    def __init__(self, width: int) -> None:
        self.width = width

    def of(self, item: str) -> list[float]:
        """The item's features, all 0 where it is new."""
        return self.setdefault(item, [0.0] * self.width)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One item, its score (only the order means anything), and the part that spoke for it most."""

    item_id: str
    score: float
    part: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What to show; `fallback` where it is popularity because the model or the user is unknown or stale."""

    items: list[Recommendation]
    fallback: bool
    model_version: int
    as_of_ms: int


def recommend(
    model: bytes | None,
    user: bytes | None,
    fetch_items: FetchItems,
    k: int,
    now_ms: int,
    *,
    max_age_ms: int | None = MAX_AGE_MS,
    at_once: int = 10,
) -> Answer:
    """The best `k` items for a user at `now_ms`.

    Costs two rounds of `fetch_items` (ids to published values; unknown ids left out): the user's last
    items, then the best candidates. A model older than `max_age_ms` is not trusted beyond its popularity
    list; None trusts any age, which is what replayed events need. Candidates are fetched `at_once` together, at least:
    more is fewer rounds where many are not available any more, and changes no answer.

    >>> recommend(None, None, lambda ids: {}, k=3, now_ms=0)
    Answer(items=[], fallback=True, model_version=0, as_of_ms=0)
    """
    if not model:
        return Answer([], True, 0, 0)
    known = _read_model(model)
    who = _read_user(user) if user else None
    stale = max_age_ms is not None and now_ms - known.as_of_ms > max_age_ms
    personal = who is not None and any(who.items) and not stale
    features, context = _gather(known, who if personal else None, fetch_items, now_ms)
    weights = known.weights[context]
    scored = sorted(((_dot(weights, x), item) for item, x in features.items()), key=lambda pair: -pair[0])
    # A stale model's clock is the last thing it knows, else nothing of it would still be available.
    clock_ms = known.as_of_ms if stale else now_ms
    available = _available((item for _, item in scored), known, fetch_items, clock_ms, max(k, at_once))
    score_of = {item: score for score, item in scored}
    best = [
        Recommendation(item, score_of[item], _part(weights, features[item])) for item in islice(available, k)
    ]
    return Answer(best, not personal, known.model_version, known.as_of_ms)


def _gather(
    model: ModelPayload, user: UserPayload | None, fetch_items: FetchItems, now_ms: int
) -> tuple[Features, int]:
    features = Features(POPULAR + len(model.popular))
    context = 0
    if user is not None:
        lasts = user.inside or len(user.items)
        context = context_of(lasts, user.inside)
        recent = user.items[::-1][: min(lasts, model.reach)]
        values = fetch_items(sorted({item for item in recent if item}))
        _add_transitions(features, model, [values.get(item) for item in recent], now_ms)
        _add_history(features, user.items[::-1])
    _add_popularity(features, model, BLENDED if context else None)
    _to_roots(features)
    return features, context


def _add_transitions(
    features: Features, model: ModelPayload, recent: list[bytes | None], now_ms: int
) -> None:
    for steps, value in enumerate(recent):
        if value:
            item = _read_item(value)
            near = model.fall**steps
            _add_next(features, item, near, _shrinks(model, item, now_ms), steps == 0)
            _add_prev(features, item, near, _shrinks(model, item, now_ms))


def _shrinks(model: ModelPayload, item: ItemPayload, now_ms: int) -> tuple[float, float]:
    """What `SHRINK` steps now weigh in the units of the item's values, which have not faded since."""
    age_ms = now_ms - item.at_ms
    slow, fast = model.half_lives_ms
    return SHRINK * 2.0 ** min(age_ms / slow, 900.0), SHRINK * 2.0 ** min(age_ms / fast, 900.0)


def _add_next(
    features: Features, item: ItemPayload, near: float, shrinks: tuple[float, float], latest: bool
) -> None:
    slow, fast = shrinks
    every, last, fresh = item.next_totals
    weights = array("f", item.next_weights)
    for n, successor in enumerate(item.next_items):
        x = features.of(successor)
        x[NEXT] += near * weights[3 * n] / (every + slow)
        x[LAST] += weights[3 * n + 1] / (last + slow) if latest else 0.0
        x[FRESH] += near * weights[3 * n + 2] / (fresh + fast)


def _add_prev(features: Features, item: ItemPayload, near: float, shrinks: tuple[float, float]) -> None:
    for predecessor, weight in zip(item.prev_items, array("f", item.prev_weights), strict=True):
        features.of(predecessor)[PREV] += near * weight / (item.prev_total + shrinks[0])


def _add_history(features: Features, latest_first: list[str]) -> None:
    for steps, item in enumerate(latest_first):
        if not item:
            continue
        x = features.of(item)
        if steps == 0:
            x[AGAIN] = 1.0
        elif x[AGAIN] == 0.0 and x[BACK] == 0.0:
            x[BACK] = 1.0 / steps


def _add_popularity(features: Features, model: ModelPayload, places: int | None) -> None:
    for h, listed in enumerate(model.popular):
        for item, share in zip(listed.items[:places], listed.shares[:places], strict=True):
            features.of(item)[POPULAR + h] = share


def _to_roots(features: Features) -> None:
    shares = (NEXT, LAST, FRESH, PREV, *range(POPULAR, features.width))
    for x in features.values():
        for f in shares:
            x[f] = sqrt(sqrt(1.0 + x[f] / FLOOR)) - 1.0


def _available(
    ranked: Iterator[str], model: ModelPayload, fetch_items: FetchItems, now_ms: int, at_once: int
) -> Iterator[str]:
    if model.availability_ms is None:
        yield from ranked
        return
    since = (now_ms - model.availability_ms) // HOUR_MS
    seen = {item: hour for p in model.popular for item, hour in zip(p.items, p.seen_hours, strict=True)}
    while page := list(islice(ranked, at_once)):
        values = fetch_items([item for item in page if item not in seen])
        seen.update((item, _read_item(value).seen_hour) for item, value in values.items() if value)
        yield from (item for item in page if seen.get(item, since - 1) >= since)


def _dot(weights: list[float], x: list[float]) -> float:
    return sum(w * v for w, v in zip(weights, x, strict=True))


def _part(weights: list[float], x: list[float]) -> str:
    said = {
        "popularity": range(POPULAR, len(x)),
        "transitions": (NEXT, LAST, FRESH, PREV),
        "repeats": (AGAIN, BACK),
    }
    spoke = {
        part: sum(weights[f] * x[f] for f in own) for part, own in said.items() if any(x[f] for f in own)
    }
    return max(spoke, key=lambda part: spoke[part])
