"""What to show a user next, from the model that the pipeline published."""

from collections import defaultdict
from typing import TYPE_CHECKING

from schemas.keys import VERSION_BYTES, model_key, recommender_key
from serving.access import Store, read_each
from serving.job import read_job

if TYPE_CHECKING:
    from online_models.answer import Answer


def read_recommendations(store: Store, user_id: str, k: int = 10, now_ms: int | None = None) -> "Answer":
    """Return up to k items for a user, with where they come from; an unknown user gets what is popular.

    `now_ms` is in event time; by default the moment that the figures are true as of, at which no model is
    too old, since a replay passes days in a second. Costs three round trips: model and user, then the rows
    of the candidate items.
    """
    from online_models.answer import MAX_AGE_MS, recommend

    max_age_ms = MAX_AGE_MS if now_ms is not None else None
    if now_ms is None:
        now_ms = read_job(store).as_of_ms or 0
    model, user = read_each(
        store,
        [
            ("HGET", model_key(store.namespace), "model"),
            ("HGET", recommender_key(store.namespace, "u", user_id), user_id),
        ],
    )
    return recommend(
        _body(model), _body(user), lambda ids: read_items(store, ids), k, now_ms, max_age_ms=max_age_ms
    )


def read_items(store: Store, item_ids: list[str]) -> dict[str, bytes]:
    """Return the recommender rows of those items that have one."""
    buckets = defaultdict(list)
    for item_id in dict.fromkeys(item_ids):
        buckets[recommender_key(store.namespace, "i", item_id)].append(item_id)
    answers = read_each(store, [("HMGET", key, *ids) for key, ids in buckets.items()])
    found = zip(buckets.values(), answers, strict=True)
    rows = {
        item_id: _body(value) for ids, values in found for item_id, value in zip(ids, values, strict=True)
    }
    return {item_id: row for item_id, row in rows.items() if row is not None}


def _body(value: bytes | None) -> bytes | None:
    return None if value is None else value[VERSION_BYTES:]
