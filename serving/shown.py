"""The log of what was shown: a stream in Redis, from which a model can be trained and policies judged afterwards."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from schemas.keys import shown_key
from schemas.shown import FORM, Shown, decode_shown, encode_shown, number_bytes, part_bytes, said_bytes
from serving.access import Command, Store, store_errors
from serving.cells import damage

if TYPE_CHECKING:
    from online_models.answer import Answer

KEPT: Final = 100_000
"""Entries kept, about: the newest."""

_FIELD: Final = b"shown"
_PAGE: Final = 1_000


class Question(NamedTuple):
    """Who asked, when in event time, for how many items, and in which room, if in one."""

    user_id: str
    time_ms: int
    k: int
    room_id: str | None = None


def shown_command(namespace: str, answer: "Answer", question: Question) -> Command:
    """Return the command that logs an answer: about 430 bytes for ten items, 700 with new ones, made in 10 µs of CPU."""
    items = answer.items
    entry = Shown(
        question.user_id, question.time_ms, answer.model_version,
        [each.item_id for each in items], [each.propensity for each in items],
        FORM, question.room_id, answer.room_id is not None, question.k, answer.fallback, answer.as_of_ms,
        number_bytes(each.score for each in items), part_bytes(each.part for each in items),
        said_bytes([each.said for each in items]), list(answer.fresh), number_bytes(answer.fresh.values()),
    )  # fmt: skip
    return "XADD", shown_key(namespace), "MAXLEN", "~", KEPT, "*", _FIELD, encode_shown(entry)


def log_shown(store: Store, answer: "Answer", question: Question) -> None:
    """Log an answer; one round trip, none where nothing is shown."""
    if answer.items:
        client: Any = store.client
        with store_errors():
            client.execute_command(*shown_command(store.namespace, answer, question))


def read_shown(store: Store) -> Iterator[Shown]:
    """Yield what was shown, oldest first, in pages."""
    for _, entry in read_shown_by_id(store):
        yield entry


def forget_shown(store: Store, user_id: str) -> int:
    """Delete what was shown to a user; returns how many entries. Costs a walk over the log."""
    client: Any = store.client
    gone = [number for number, entry in read_shown_by_id(store) if entry.user_id == user_id]
    with store_errors():
        return int(client.xdel(shown_key(store.namespace), *gone)) if gone else 0


def read_shown_by_id(store: Store) -> Iterator[tuple[str, Shown]]:
    """Yield the same with the id of each entry."""
    client: Any = store.client
    since = b"-"
    while True:
        with store_errors(), damage():
            page = client.xrange(shown_key(store.namespace), min=since, count=_PAGE)
            read = [(number.decode(), decode_shown(fields[_FIELD])) for number, fields in page]
        yield from read
        if len(page) < _PAGE:
            return
        since = b"(" + page[-1][0]
