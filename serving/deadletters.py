"""What was refused, by reason."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from schemas.keys import VERSION_BYTES, dead_letter_key
from schemas.records import DeadLetterRecord, decode_dead_letter
from serving.access import Store, read_each, scan_keys, store_errors
from serving.cells import damage


@dataclass(frozen=True)
class DeadLetter:
    """One refused input: why, the digest that names it, and its record."""

    reason: str
    digest: str
    record: DeadLetterRecord


def read_reasons(store: Store) -> dict[str, int]:
    """Return how many inputs were refused for each reason; costs a walk over the database's keys."""
    edge = dead_letter_key(store.namespace, "\0").index("\0")
    keys = scan_keys(store, dead_letter_key(store.namespace, "")[:edge])
    counts = read_each(store, [("HLEN", key) for key in keys])
    return {key[edge:-1]: count for key, count in zip(keys, counts, strict=True)}


def read_dead_letters(store: Store, reason: str, limit: int | None = None) -> list[DeadLetter]:
    """Return the dead letters of a reason, by event time then digest; with a limit, any that many of them."""
    return sorted(islice(_letters(store, reason), limit), key=_order)


def _letters(store: Store, reason: str) -> Iterator[DeadLetter]:
    with store_errors(), damage():
        for field, value in store.client.hscan_iter(dead_letter_key(store.namespace, reason), count=1000):
            digest = (
                field.decode("ascii") if field.isascii() and field.decode().isprintable() else field.hex()
            )
            yield DeadLetter(reason, digest, decode_dead_letter(value[VERSION_BYTES:]))


def _order(letter: DeadLetter) -> tuple[bool, int, str]:
    time_ms = letter.record.event_time_ms
    return time_ms is None, time_ms or 0, letter.digest
