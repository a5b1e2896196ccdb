"""Prequential evaluation: each positive event is first predicted, then learned (Gama, Sebastião, Rodrigues,
"On evaluating stream learning algorithms", 2013); by the protocol of the recommender's specification.

Events in order of (event_time_ms, event_id); asked at every click that is not the first of its session;
candidates are all items seen before, those of the user's history included.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from online_models.baselines import BiasedMF, ItemKNN, PlainModel, SessionKNN, plain_ranks
from online_models.click_model import click_figures
from online_models.compiled import compiled
from online_models.events import BATCH_SCHEMA, CLICK, NO_SESSION, ROOM_SCHEMA, Events, read_batch
from online_models.history import SILENCE_MS
from online_models.identity import Identity
from online_models.mcnemar import Comparison, sliding_mcnemar
from online_models.mix import Mix
from online_models.mix_kernel import Told
from online_models.payload import PARTS
from online_models.popularity import HALF_LIVES_MS, PopularityState, count_item, new_popularity
from online_models.rules import rule_ranks
from online_models.takings import Takings, leave_out_own, popularity_among_untaken, takings_of

Ranks = np.ndarray
DAY_MS = 86_400_000
EVER_MS = 100 * 365 * DAY_MS
"""A half-life in which counts as good as never fade."""

LISTED = 10
"""Of so many items at the top, coverage and the share of new ones are said."""

SELDOM = 300
"""Questions to a model that scores every item, evenly spread."""


class Log(NamedTuple):
    """Events in order, how many items and users they have, which are asked, and who took what if that is once only.

    `ids` are the tables of users, items and rooms that the events' numbers are rows of.
    """

    events: Events
    items: int
    users: int
    asked: np.ndarray
    takings: Takings | None = None
    ids: tuple[Identity, Identity, Identity] | None = None


class Predicted(NamedTuple):
    """Each click's rank from 1, 0 where it was not ranked, -1 where it was not asked; the best items, if known.

    `clicks` are the figures of a click model, where there is one, and `speed` those of how fast it learned.
    """

    rank: Ranks
    best: np.ndarray | None = None
    clicks: dict[str, float] | None = None
    speed: dict[str, float] | None = None


Model = Callable[[Log], Predicted]


@dataclass(frozen=True)
class Evaluation:
    """How many events and predictions there were, each model's figures by name, and tests against popularity."""

    events: int
    predictions: int
    models: dict[str, dict[str, float]]
    against_popularity: list[Comparison]

    def as_dict(self) -> dict[str, Any]:
        """The evaluation as `interestream evaluate --json` prints it."""
        windows = [window._asdict() for window in self.against_popularity]
        return {
            "events": self.events,
            "predictions": self.predictions,
            "models": self.models,
            "mcnemar_against_popularity": windows,
        }


def evaluate(
    events: pa.RecordBatch | pa.Table,
    models: Mapping[str, Model] | None = None,
    last_half: bool = False,
    every: int = 1,
    *,
    once: bool = False,
    unasked: float = 0.0,
) -> Evaluation:
    """Hit rates, reciprocal ranks and NDCG of the models on the same events and candidates.

    Columns as in `BATCH_SCHEMA`, rows in any order. Costs some 30 µs a click for the blend. With `last_half`
    only predictions in the later half of the events count, of those one in `every`; all events are learned.
    With `once` nobody takes an item twice, and each taking is asked (`takings`); no question lies in the first
    `unasked` share of the events.

    >>> steps = [("ann", "kettle"), ("ann", "tea"), ("bob", "kettle"), ("bob", "tea")]
    >>> log = pa.table({"event_time_ms": [0, 1, 2, 3], "event_id": ["1", "2", "3", "4"],
    ...     "user_id": [user for user, _ in steps], "item_id": [item for _, item in steps],
    ...     "session_id": pa.nulls(4, pa.string()), "kind": pa.array([1, 1, 1, 1], pa.int8())})
    >>> result = evaluate(log)
    >>> result.predictions, result.models["interestream"]["hit_rate_at_10"]
    (2, 0.5)
    """
    users, items, rooms = Identity(), Identity(), Identity()
    read = read_batch(in_order(events), users, items, rooms)
    takings = takings_of(read) if once else None
    asked = asked_positives(read) if takings is None else takings.first.copy()
    asked[: int(unasked * len(asked))] = False
    log = Log(read, len(items), len(users), _thinned(asked, last_half, every), takings, (users, items, rooms))
    chosen = default_models(once) if models is None else models
    told = {name: model(log) for name, model in chosen.items()}
    figures = {name: _figures(log, predicted) for name, predicted in told.items()}
    best = _best_popularity(figures)
    if best is not None:
        figures["popularity"] = figures[best]
    tests = [] if best is None or OURS not in told else _tests(log, told[OURS], told[best])
    return Evaluation(len(read.item), int(log.asked.sum()), figures, tests)


OURS = "interestream"
AS_ASKED = {"availability_ms": None, "rank_all": True}
"""The protocol's: no item is ever unavailable, and first clicks are ranked too."""


def _thinned(asked: np.ndarray, last_half: bool, every: int) -> np.ndarray:
    if last_half:
        asked[: len(asked) // 2] = False
    thinned = np.zeros_like(asked)
    thinned[np.flatnonzero(asked)[::every]] = True
    return thinned


def _figures(log: Log, predicted: Predicted) -> dict[str, float]:
    ranks = predicted.rank[log.asked]
    answered = ranks[ranks >= 0]
    figures = figures_of(answered)
    if len(answered) < len(ranks):
        figures["predictions"] = float(len(answered))
    figures |= (predicted.clicks or {}) | (predicted.speed or {})
    return figures if predicted.best is None else figures | _breadth(log, predicted.best)


def _breadth(log: Log, best: np.ndarray) -> dict[str, float]:
    """How many of the items seen stood in a list, and how many listed were seen first within a day."""
    rows = np.flatnonzero(log.asked)
    listed = best[rows, :LISTED]
    known = listed >= 0
    first_ms = np.full(log.items, np.iinfo(np.int64).max)
    here = log.events.item >= 0
    np.minimum.at(first_ms, log.events.item[here], log.events.time_ms[here])
    age_ms = log.events.time_ms[rows][:, None] - first_ms[np.maximum(listed, 0)]
    return {
        "coverage_at_10": len(np.unique(listed[known])) / max(log.items, 1),
        "new_item_share_at_10": float((known & (age_ms < DAY_MS)).sum() / max(known.sum(), 1)),
    }


def _best_popularity(figures: dict[str, dict[str, float]]) -> str | None:
    """The half-life with the best hit rate, known only afterwards, so a strong baseline."""
    each = [name for name in figures if name.startswith("popularity_")]
    return max(each, key=lambda name: figures[name]["hit_rate_at_10"], default=None)


def _tests(log: Log, ours: Predicted, theirs: Predicted) -> list[Comparison]:
    first, second = (
        (predicted.rank[log.asked] > 0) & (predicted.rank[log.asked] <= LISTED)
        for predicted in (ours, theirs)
    )
    return sliding_mcnemar(first, second)


def in_order(events: pa.RecordBatch | pa.Table) -> pa.RecordBatch:
    """The events in order of (event_time_ms, event_id), as one batch of `BATCH_SCHEMA` or `ROOM_SCHEMA`."""
    table = pa.table(events) if isinstance(events, pa.Table) else pa.Table.from_batches([events])
    schema = ROOM_SCHEMA if "room_id" in table.column_names else BATCH_SCHEMA
    table = table.select(schema.names).cast(schema)
    table = table.sort_by([("event_time_ms", "ascending"), ("event_id", "ascending")]).combine_chunks()
    batches = table.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=schema)


def asked_positives(events: Events) -> np.ndarray:
    """Which events are clicks that are not the first of their session; sessions are a user's own."""
    asked = np.zeros(len(events.item), np.bool_)
    clicked: set[tuple[int, int]] = set()
    last_ms: dict[int, int] = {}
    silences: dict[int, int] = {}
    columns = (column.tolist() for column in events[:5])
    for row, (time_ms, user, item, session, kind) in enumerate(zip(*columns, strict=True)):
        if time_ms - last_ms.get(user, time_ms) > SILENCE_MS:
            silences[user] = silences.get(user, 0) + 1
        last_ms[user] = time_ms
        if kind == CLICK and user >= 0 and item >= 0:
            key = (user, session if session != NO_SESSION else -1 - silences.get(user, 0))
            asked[row] = key in clicked
            clicked.add(key)
    return asked


def figures_of(ranks: Ranks) -> dict[str, float]:
    """Hit rate and MRR at 10 and 20 and NDCG at 10 of ranks from 1; 0 is a miss."""
    if len(ranks) == 0:
        return dict.fromkeys(
            ("hit_rate_at_10", "mrr_at_10", "ndcg_at_10", "hit_rate_at_20", "mrr_at_20"), float("nan")
        )
    hit10, hit20 = ((ranks > 0) & (ranks <= k) for k in (10, 20))
    safe = np.maximum(ranks, 1)
    return {
        "hit_rate_at_10": float(hit10.mean()),
        "mrr_at_10": float((hit10 / safe).mean()),
        "ndcg_at_10": float((hit10 / np.log2(1.0 + safe)).mean()),
        "hit_rate_at_20": float(hit20.mean()),
        "mrr_at_20": float((hit20 / safe).mean()),
    }


def default_models(once: bool = False) -> dict[str, Model]:
    """The blend, popularity with each of its half-lives, and plain sequential rules; those know no `once`."""
    minutes = {f"popularity_{half_life // 60_000}min": _popularity(half_life) for half_life in HALF_LIVES_MS}
    rules = {"rules_last": _rules(1), "rules_last_3": _rules(3)}
    return {OURS: blend(), **minutes, **({"popularity_ever": _popularity(EVER_MS)} if once else rules)}


def slow_models() -> dict[str, Model]:
    """Baselines in plain Python; river's matrix factorisation answers `SELDOM` questions only."""
    return {
        "item_knn": _plain(ItemKNN),
        "session_knn": _plain(SessionKNN),
        "biased_mf": _plain(BiasedMF, SELDOM),
    }


def ablations() -> dict[str, Model]:
    """The blend without each part, with each alone, and with a gate that does not learn."""
    without = {f"without_{part}": blend(parts=tuple(p for p in PARTS if p != part)) for part in PARTS}
    alone = {f"only_{part}": blend(parts=(part,)) for part in PARTS}
    return {**without, "without_gate": blend(gate=False), **alone}


def blend(**settings: Any) -> Model:
    """The blend with `Mix`'s settings, with no item ever unavailable, as the protocol wants it."""

    def ranks(log: Log) -> Predicted:
        mix = Mix(**(AS_ASKED | settings))
        mix.make_room(log.users, log.items)
        told = told_of(mix, log)
        return Predicted(told.rank, told.best, click_figures(mix._state.views))

    return ranks


class Learner(Protocol):
    """A blend, or several that share."""

    def learn_ranked(self, events: Events, most: int = 0) -> Told:
        """Learns, and tells each click's rank and the best `most` items before it."""


def told_of(learner: Learner, log: Log) -> Told:
    """What a learner tells of the whole log; where nobody takes an item twice, less what each had before."""
    told = learner.learn_ranked(log.events, 2 * LISTED + (log.takings.most() if log.takings else 0))
    if log.takings:
        leave_out_own(told.rank, told.best, log.events.item, log.takings)
    return told


def _rules(reach: int) -> Model:
    return lambda log: Predicted(rule_ranks(log.events, log.items, log.users, reach))


def _plain(kind: Callable[[], PlainModel], most: int | None = None) -> Model:
    def ranks(log: Log) -> Predicted:
        asked = log.asked
        if most is not None:
            asked = _thinned(asked.copy(), False, -(-int(asked.sum()) // most) or 1)
        return Predicted(plain_ranks(kind(), log.events, asked, once=log.takings is not None))

    return ranks


def _popularity(half_life_ms: int) -> Model:
    def ranks(log: Log) -> Predicted:
        ranked = np.full(len(log.events.item), -1, np.int32)
        state = new_popularity((half_life_ms,), log.items)
        if log.takings:
            popularity_among_untaken(state, log.events, log.takings, ranked)
        else:
            _popularity_ranks(state, log.events, ranked)
        return Predicted(ranked)

    return ranks


@compiled
def _popularity_ranks(state: PopularityState, events: Events, ranks: np.ndarray) -> None:
    for e in range(len(events.item)):
        if events.kind[e] == CLICK and events.item[e] >= 0:
            ranks[e] = state.place[events.item[e], 0] + 1
            count_item(state, events.item[e], events.time_ms[e], 1.0)
