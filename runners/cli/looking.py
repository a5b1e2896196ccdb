"""Opening the Redis that a look-up reads."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runners.settings import Settings
from schemas.errors import StoreError

if TYPE_CHECKING:
    from serving.reader import Reader


@contextmanager
def reading(settings: Settings) -> "Iterator[Reader]":
    """Give a reader over the Redis that the settings name; StoreError where nothing was ever published."""
    from runners.embedded_redis import SUBDIRECTORY, open_redis
    from serving.reader import Reader

    if not settings.redis and not (settings.data_dir / SUBDIRECTORY).is_dir():
        raise StoreError(
            f"There are no results under {settings.data_dir}. Make some with `interestream demo` or "
            "`interestream replay`, or say where they are with --data-dir or --redis."
        )
    with open_redis(settings.redis, settings.data_dir) as store:
        yield Reader(store.client, settings.namespace)


def asked_ids(reader: "Reader", settings: Settings, fields: Sequence[str], ids: Sequence[str]) -> list[str]:
    """Return what ids stand under: with --pseudonymize, those of users are asked for by the true ones."""
    from runners.pseudonyms import pseudonyms_of
    from serving.pseudonyms import stored_entity

    return stored_entity(reader.job(), pseudonyms_of(settings), fields, ids)
