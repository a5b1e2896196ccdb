"""What to show a user next, from the model that the pipeline published."""

from collections import defaultdict
from typing import TYPE_CHECKING

from schemas.keys import VERSION_BYTES, model_key, recommender_key
from serving.access import Command, Store, read_each
from serving.job import read_job
from serving.shown import Question, log_shown

if TYPE_CHECKING:
    from online_models.answer import Answer
    from online_models.slots import Exploration


def read_recommendations(
    store: Store,
    user_id: str,
    k: int = 10,
    now_ms: int | None = None,
    room_id: str | None = None,
    explore: "Exploration | None" = None,
    *,
    log: bool = False,
) -> "Answer":
    """Return up to k items for a user, with where they come from; an unknown user gets what is popular.

    With a room only what is on sale there is ranked, as far as the room is known. With `explore`, the last
    places are for new items. What is shown then is logged with its propensities and what the model said of it;
    with `log`, so is an answer without new items.

    `now_ms` is in event time; by default the moment that the figures are true as of, at which no model is
    too old, since a replay passes days in a second. Costs three round trips: model and user, then the rows
    of the candidate items.
    """
    from online_models.answer import MAX_AGE_MS, recommend
    from online_models.slots import with_new_items

    max_age_ms = MAX_AGE_MS if now_ms is not None else None
    if now_ms is None:
        now_ms = read_job(store).as_of_ms or 0
    model, user, *room = read_each(store, rows_asked(store.namespace, user_id, room_id))
    answer = recommend(
        _body(model), _body(user), lambda ids: read_items(store, ids), k, now_ms,
        max_age_ms=max_age_ms, room_id=room_id, room=_body(room[0]) if room else None,
    )  # fmt: skip
    shown = answer if explore is None else with_new_items(answer, _body(model), explore, user_id)
    if log or explore is not None:
        log_shown(store, shown, Question(user_id, now_ms, k, room_id))
    return shown


def rows_asked(namespace: str, user_id: str, room_id: str | None) -> list[Command]:
    """Return the commands for model and user, and for the room if there is one."""
    rows: list[Command] = [
        ("HGET", model_key(namespace), "model"),
        ("HGET", recommender_key(namespace, "u", user_id), user_id),
    ]
    if room_id is not None:
        rows.append(("HGET", recommender_key(namespace, "r", room_id), room_id))
    return rows


def read_rooms_for(store: Store, user_id: str, k: int = 10, now_ms: int | None = None) -> "Answer":
    """Return up to k live rooms for a user, best first, as `item_id`; `now_ms` as above. Three round trips."""
    from online_models.answer import recommend_rooms

    at_ms = read_job(store).as_of_ms or 0 if now_ms is None else now_ms
    model, user = map(_body, read_each(store, room_rows_asked(store.namespace, user_id)))
    return recommend_rooms(model, user, lambda ids: read_items(store, ids, "r"), k, at_ms)


def room_rows_asked(namespace: str, user_id: str) -> list[Command]:
    """Return the commands for the model of rooms and for its user."""
    return [
        ("HGET", model_key(namespace), "rooms"),
        ("HGET", recommender_key(namespace, "v", user_id), user_id),
    ]


def read_items(store: Store, item_ids: list[str], kind: str = "i") -> dict[str, bytes]:
    """Return the recommender rows of those items that have one; kind `r`: of rooms."""
    buckets = defaultdict(list)
    for item_id in dict.fromkeys(item_ids):
        buckets[recommender_key(store.namespace, kind, item_id)].append(item_id)
    answers = read_each(store, [("HMGET", key, *ids) for key, ids in buckets.items()])
    found = zip(buckets.values(), answers, strict=True)
    rows = {
        item_id: _body(value) for ids, values in found for item_id, value in zip(ids, values, strict=True)
    }
    return {item_id: row for item_id, row in rows.items() if row is not None}


def _body(value: bytes | None) -> bytes | None:
    return None if value is None else value[VERSION_BYTES:]
