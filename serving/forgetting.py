"""Forgetting a user: what Redis holds of them goes, and a tombstone keeps a replay from bringing it back.

A tombstone is a value with the highest version that there is and nothing behind it. Whatever the pipeline writes there
later is older, so `SET_NEWER` refuses it; a reader finds nothing. It stays when a job clears its figures.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from schemas.keys import VERSION_BYTES, dead_letter_key, recommender_key
from schemas.records import decode_dead_letter
from serving.access import Store, store_errors
from serving.cells import damage
from serving.deadletters import read_reasons
from serving.erasure import bury, erase_features
from serving.shown import forget_shown


@dataclass(frozen=True)
class ForgottenUser:
    """How much was deleted."""

    recommender_rows: int
    dead_letters: int
    feature_records: int


def forget_user(store: Store, user_id: str, *, also: str | None = None) -> ForgottenUser:
    """Delete a user's rows of the recommender, what was shown to them, features, and dead letters that name them.

    `also` is another id of theirs.

    The log of orders and credits name no users. Costs a walk over all dead letters and the ids of all pairs with
    users. May be repeated. A running job drops what it holds in memory when it is next started.
    """
    names = {user_id, also or user_id}
    letters = [(key, field) for key, field, raw in _letters(store) if _names_user(raw, names)]
    keys = [recommender_key(store.namespace, kind, user_id) for kind in ("u", "v")]
    forget_shown(store, user_id)
    with store_errors():
        held = sum(int(bury(store.client, key, user_id)) for key in keys)
        for letter_key, field in letters:
            store.client.hdel(letter_key, field)
    return ForgottenUser(held, len(letters), erase_features(store, user_id))


def _letters(store: Store) -> Iterator[tuple[str, bytes, bytes]]:
    for reason in read_reasons(store):
        key = dead_letter_key(store.namespace, reason)
        with store_errors(), damage():
            for field, value in store.client.hscan_iter(key, count=1000):
                yield key, field, decode_dead_letter(value[VERSION_BYTES:]).raw


def _names_user(raw: bytes, names: set[str]) -> bool:
    """Say whether a refused input is of a user; what is no JSON is, if it holds the id at all."""
    try:
        event = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return any(name.encode() in raw for name in names)
    return isinstance(event, dict) and event.get("user_id") in names
