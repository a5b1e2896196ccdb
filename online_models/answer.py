"""The answer to "what for this user now?", from published values alone: pure, and quick to import.

The same sums as the learner's, over the same bounded candidates, in the same order, so that what is
served is what was measured.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from math import log1p

import msgspec

from online_models.payload import (
    AGAIN,
    BACK,
    FLOOR,
    FRESH,
    LAST,
    NEXT,
    POPULAR,
    POPULAR_FLOOR,
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
Features = dict[str, list[float]]

_read_model = msgspec.msgpack.Decoder(ModelPayload).decode
_read_item = msgspec.msgpack.Decoder(ItemPayload).decode
_read_user = msgspec.msgpack.Decoder(UserPayload).decode


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
    max_age_ms: int | None = MAX_AGE_MS,
) -> Answer:
    """The best `k` items for a user at `now_ms`.

    Costs two rounds of `fetch_items` (ids to published values; unknown ids left out): the user's last
    items, then the best candidates. A model older than `max_age_ms` is not trusted beyond its popularity
    list; None trusts any age, which is what replayed events need.

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
    available = _available((item for _, item in scored), known, fetch_items, clock_ms, max(k, 10))
    score_of = {item: score for score, item in scored}
    best = [
        Recommendation(item, score_of[item], _part(weights, features[item])) for item in islice(available, k)
    ]
    return Answer(best, not personal, known.model_version, known.as_of_ms)


def _gather(
    model: ModelPayload, user: UserPayload | None, fetch_items: FetchItems, now_ms: int
) -> tuple[Features, int]:
    features: Features = {}
    width = POPULAR + len(model.popular)
    context = 0
    if user is not None:
        lasts = user.inside or len(user.items)
        context = context_of(lasts, user.inside)
        recent = user.items[::-1][: min(lasts, model.reach)]
        _add_transitions(features, width, recent, model, fetch_items, now_ms)
        _add_history(features, width, user.items[::-1])
    _add_popularity(features, width, model)
    for x in features.values():
        for f in (NEXT, LAST, FRESH, PREV):
            x[f] = log1p(x[f] / FLOOR)
        for f in range(POPULAR, width):
            x[f] = log1p(x[f] / POPULAR_FLOOR)
    return features, context


def _add_transitions(
    features: Features,
    width: int,
    recent: list[str],
    model: ModelPayload,
    fetch_items: FetchItems,
    now_ms: int,
) -> None:
    values = fetch_items(sorted({item for item in recent if item}))
    for steps, before in enumerate(recent):
        if not values.get(before):
            continue
        item = _read_item(values[before])
        near = model.fall**steps
        _add_neighbours(features, width, item, near, steps == 0, _shrinks(model, item, now_ms))


def _shrinks(model: ModelPayload, item: ItemPayload, now_ms: int) -> tuple[float, float]:
    """What `SHRINK` steps now weigh in the units of the item's values, which have not faded since."""
    age_ms = now_ms - item.at_ms
    slow, fast = model.half_lives_ms
    return SHRINK * 2.0 ** min(age_ms / slow, 900.0), SHRINK * 2.0 ** min(age_ms / fast, 900.0)


def _add_neighbours(
    features: Features,
    width: int,
    item: ItemPayload,
    near: float,
    latest: bool,
    shrinks: tuple[float, float],
) -> None:
    slow, fast = shrinks
    every, last, fresh = item.next_totals
    weights = array("f", item.next_weights)
    for n, successor in enumerate(item.next_items):
        x = features.setdefault(successor, [0.0] * width)
        x[NEXT] += near * weights[3 * n] / (every + slow)
        x[LAST] += weights[3 * n + 1] / (last + slow) if latest else 0.0
        x[FRESH] += near * weights[3 * n + 2] / (fresh + fast)
    for predecessor, weight in zip(item.prev_items, array("f", item.prev_weights), strict=True):
        x = features.setdefault(predecessor, [0.0] * width)
        x[PREV] += near * weight / (item.prev_total + slow)


def _add_history(features: Features, width: int, latest_first: list[str]) -> None:
    for steps, item in enumerate(latest_first):
        if not item:
            continue
        x = features.setdefault(item, [0.0] * width)
        if steps == 0:
            x[AGAIN] = 1.0
        elif x[AGAIN] == 0.0 and x[BACK] == 0.0:
            x[BACK] = 1.0 / steps


def _add_popularity(features: Features, width: int, model: ModelPayload) -> None:
    for h, listed in enumerate(model.popular):
        for item, share in zip(listed.items, listed.shares, strict=True):
            features.setdefault(item, [0.0] * width)[POPULAR + h] = share


def _available(
    ranked: Iterator[str], model: ModelPayload, fetch_items: FetchItems, now_ms: int, at_once: int
) -> Iterator[str]:
    if model.availability_ms is None:
        yield from ranked
        return
    since = (now_ms - model.availability_ms) // HOUR_MS
    listed = {item: hour for p in model.popular for item, hour in zip(p.items, p.seen_hours, strict=True)}
    while page := list(islice(ranked, at_once)):
        values = fetch_items([item for item in page if listed.get(item, since - 1) < since])
        for item in page:
            value = values.get(item)
            hour = max(listed.get(item, since - 1), _read_item(value).seen_hour if value else since - 1)
            if hour >= since:
                yield item


def _dot(weights: list[float], x: list[float]) -> float:
    return sum(w * v for w, v in zip(weights, x, strict=True))


def _part(weights: list[float], x: list[float]) -> str:
    spoke = {
        "transitions": sum(weights[f] * x[f] for f in (NEXT, LAST, FRESH, PREV)),
        "repeats": sum(weights[f] * x[f] for f in (AGAIN, BACK)),
        "popularity": sum(weights[f] * x[f] for f in range(POPULAR, len(x))),
    }
    return max(spoke, key=lambda name: spoke[name])
