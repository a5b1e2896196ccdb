"""The log of what was shown with exploration: a stream in Redis, from which policies can be judged afterwards."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from schemas.keys import shown_key
from schemas.shown import Shown, decode_shown, encode_shown
from serving.access import Command, Store, store_errors
from serving.cells import damage

if TYPE_CHECKING:
    from online_models.answer import Answer

KEPT: Final = 100_000
"""Entries kept, about: the newest."""

_FIELD: Final = b"shown"
_PAGE: Final = 1_000


def shown_command(namespace: str, answer: "Answer", user_id: str, time_ms: int) -> Command:
    """Return the command that logs an answer."""
    items, chances = zip(*((each.item_id, each.propensity) for each in answer.items), strict=True)
    entry = Shown(user_id, time_ms, answer.model_version, list(items), list(chances))
    return "XADD", shown_key(namespace), "MAXLEN", "~", KEPT, "*", _FIELD, encode_shown(entry)


def log_shown(store: Store, answer: "Answer", user_id: str, time_ms: int) -> None:
    """Log an answer; one round trip, none where nothing is shown."""
    if answer.items:
        client: Any = store.client
        with store_errors():
            client.execute_command(*shown_command(store.namespace, answer, user_id, time_ms))


def read_shown(store: Store) -> Iterator[Shown]:
    """Yield what was shown, oldest first, in pages."""
    for _, entry in _entries(store):
        yield entry


def forget_shown(store: Store, user_id: str) -> int:
    """Delete what was shown to a user; returns how many entries. Costs a walk over the log."""
    client: Any = store.client
    gone = [number for number, entry in _entries(store) if entry.user_id == user_id]
    with store_errors():
        return int(client.xdel(shown_key(store.namespace), *gone)) if gone else 0


def _entries(store: Store) -> Iterator[tuple[bytes, Shown]]:
    client: Any = store.client
    since = b"-"
    while True:
        with store_errors(), damage():
            page = client.xrange(shown_key(store.namespace), min=since, count=_PAGE)
            read = [(number, decode_shown(fields[_FIELD])) for number, fields in page]
        yield from read
        if len(page) < _PAGE:
            return
        since = b"(" + page[-1][0]
