"""The answer to "what for this user now?", from published values alone: pure, and quick to import.

The learner ranks for a user when it hears of them; what is asked for afterwards is that list, less what is
not available any more, and then what is popular.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

import msgspec

from online_models.payload import PARTS, ItemPayload, ModelPayload, Ranked, UserPayload

HOUR_MS = 3_600_000
MAX_AGE_MS = 10 * 60_000
FetchItems = Callable[[list[str]], dict[str, bytes]]

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
    *,
    max_age_ms: int | None = MAX_AGE_MS,
    at_once: int = 10,
) -> Answer:
    """The best `k` items for a user at `now_ms`.

    Costs one round of `fetch_items` (ids to published values; unknown ids left out), seldom two. A model
    older than `max_age_ms` is not trusted beyond its popularity list; None trusts any age, which is what
    replayed events need. Candidates are fetched `at_once` together, at least: more is fewer rounds where
    many are not available any more, and changes no answer.

    >>> recommend(None, None, lambda ids: {}, k=3, now_ms=0)
    Answer(items=[], fallback=True, model_version=0, as_of_ms=0)
    """
    if not model:
        return Answer([], True, 0, 0)
    known = _read_model(model)
    own = _read_user(user).ranked if user else Ranked([], b"", b"")
    stale = max_age_ms is not None and now_ms - known.as_of_ms > max_age_ms
    personal = bool(own.items) and not stale
    # A stale model's clock is the last thing it knows, else nothing of it would still be available.
    clock_ms = known.as_of_ms if stale else now_ms
    ranked = chain(_each(own), _others(known.anyone, own)) if personal else _each(known.anyone)
    available = _available(ranked, known, fetch_items, clock_ms, max(k, at_once))
    return Answer(list(islice(available, k)), not personal, known.model_version, known.as_of_ms)


def _each(ranked: Ranked) -> Iterator[Recommendation]:
    for item, score, part in zip(ranked.items, array("f", ranked.scores), ranked.parts, strict=True):
        yield Recommendation(item, score, PARTS[part])


def _others(ranked: Ranked, than: Ranked) -> Iterator[Recommendation]:
    """What is not listed already, below all that is."""
    listed, least = set(than.items), array("f", than.scores)[-1]
    for place, best in enumerate(_each(ranked), 1):
        if best.item_id not in listed:
            yield Recommendation(best.item_id, least - place, best.part)


def _available(
    ranked: Iterator[Recommendation], model: ModelPayload, fetch_items: FetchItems, now_ms: int, at_once: int
) -> Iterator[Recommendation]:
    if model.availability_ms is None:
        yield from ranked
        return
    since = (now_ms - model.availability_ms) // HOUR_MS
    seen = dict(zip(model.anyone.items, model.seen_hours, strict=True))
    while page := list(islice(ranked, at_once)):
        values = fetch_items([best.item_id for best in page if best.item_id not in seen])
        seen.update((item, _read_item(value).seen_hour) for item, value in values.items() if value)
        yield from (best for best in page if seen.get(best.item_id, since - 1) >= since)
