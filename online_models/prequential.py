"""Prequential evaluation: each positive event is first predicted, then learned (Gama, Sebastião, Rodrigues,
"On evaluating stream learning algorithms", 2013); by the protocol of the recommender's specification.

Events in order of (event_time_ms, event_id); asked at every click that is not the first of its session;
candidates are all items seen before, those of the user's history included.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from online_models.compiled import compiled
from online_models.events import BATCH_SCHEMA, CLICK, NO_SESSION, Events, read_batch
from online_models.history import SILENCE_MS
from online_models.identity import Identity
from online_models.mix import Mix
from online_models.popularity import HALF_LIVES_MS, PopularityState, count_item, new_popularity
from online_models.rules import rule_ranks

Ranks = np.ndarray
Model = Callable[[Events, int, int], Ranks]
"""Events, how many items, how many users -> each click's rank from 1, 0 where the item was not ranked."""


@dataclass(frozen=True)
class Evaluation:
    """How many events and predictions there were, and each model's figures by name."""

    events: int
    predictions: int
    models: dict[str, dict[str, float]]

    def as_dict(self) -> dict[str, Any]:
        """The evaluation as `interestream evaluate --json` prints it."""
        return {"events": self.events, "predictions": self.predictions, "models": self.models}


def evaluate(
    events: pa.RecordBatch | pa.Table, models: Mapping[str, Model] | None = None, last_half: bool = False
) -> Evaluation:
    """Hit rates, reciprocal ranks and NDCG of the models on the same events and candidates.

    Columns as in `BATCH_SCHEMA`, rows in any order. Costs some 10 µs a click and model. With `last_half`
    only predictions in the later half of the events count; all are learned.

    >>> steps = [("ann", "kettle"), ("ann", "tea"), ("bob", "kettle"), ("bob", "tea")]
    >>> log = pa.table({"event_time_ms": [0, 1, 2, 3], "event_id": ["1", "2", "3", "4"],
    ...     "user_id": [user for user, _ in steps], "item_id": [item for _, item in steps],
    ...     "session_id": pa.nulls(4, pa.string()), "kind": pa.array([1, 1, 1, 1], pa.int8())})
    >>> result = evaluate(log)
    >>> result.predictions, result.models["interestream"]["hit_rate_at_10"]
    (2, 0.5)
    """
    users, items = Identity(), Identity()
    read = read_batch(in_order(events), users, items)
    asked = asked_positives(read)
    if last_half:
        asked[: len(asked) // 2] = False
    chosen = default_models() if models is None else models
    ranks = {name: model(read, len(items), len(users))[asked] for name, model in chosen.items()}
    figures = {name: figures_of(ranked) for name, ranked in ranks.items()}
    return Evaluation(len(read.item), int(asked.sum()), _with_best_popularity(figures))


def _with_best_popularity(figures: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Adds `popularity`: the half-life with the best hit rate, known only afterwards, so a strong baseline."""
    each = [own for name, own in figures.items() if name.startswith("popularity_")]
    best = max(each, key=lambda own: own["hit_rate_at_10"], default=None)
    return figures if best is None else {**figures, "popularity": best}


def in_order(events: pa.RecordBatch | pa.Table) -> pa.RecordBatch:
    """The events in order of (event_time_ms, event_id), as one batch of `BATCH_SCHEMA`."""
    table = pa.table(events) if isinstance(events, pa.Table) else pa.Table.from_batches([events])
    table = table.select(BATCH_SCHEMA.names).cast(BATCH_SCHEMA)
    table = table.sort_by([("event_time_ms", "ascending"), ("event_id", "ascending")]).combine_chunks()
    batches = table.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=BATCH_SCHEMA)


def asked_positives(events: Events) -> np.ndarray:
    """Which events are clicks that are not the first of their session; sessions are a user's own."""
    asked = np.zeros(len(events.item), np.bool_)
    clicked: set[tuple[int, int]] = set()
    last_ms: dict[int, int] = {}
    silences: dict[int, int] = {}
    columns = (column.tolist() for column in events)
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


def default_models() -> dict[str, Model]:
    """The blend, popularity with each of its half-lives, and plain sequential rules."""
    minutes = {f"popularity_{half_life // 60_000}min": _popularity(half_life) for half_life in HALF_LIVES_MS}
    return {"interestream": blend, **minutes, "rules_last": _rules(1), "rules_last_3": _rules(3)}


def blend(events: Events, items: int, users: int) -> Ranks:
    """The blend's ranks, with no item ever unavailable, as the protocol wants it."""
    mix = Mix(availability_ms=None, rank_all=True)
    mix.make_room(users, items)
    return mix.learn_ranked(events)


def _rules(reach: int) -> Model:
    return lambda events, items, users: rule_ranks(events, items, users, reach)


def _popularity(half_life_ms: int) -> Model:
    def ranks(events: Events, items: int, users: int) -> Ranks:  # noqa: ARG001 - a Model's shape
        ranked = np.full(len(events.item), -1, np.int32)
        _popularity_ranks(new_popularity((half_life_ms,), items), events, ranked)
        return ranked

    return ranks


@compiled
def _popularity_ranks(state: PopularityState, events: Events, ranks: np.ndarray) -> None:
    for e in range(len(events.item)):
        if events.kind[e] == CLICK and events.item[e] >= 0:
            ranks[e] = state.place[events.item[e], 0] + 1
            count_item(state, events.item[e], events.time_ms[e], 1.0)
