"""Waiting for a Redis that is away, and starting it again where it is ours."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from schemas.errors import StoreError

if TYPE_CHECKING:
    from runners.embedded_redis import OpenRedis

PATIENCE_S: Final = 600.0
_LONGEST_WAIT_S: Final = 2.0

T = TypeVar("T")


def patiently(store: "OpenRedis", attempt: Callable[[], T], sleep: Callable[[float], None] = time.sleep) -> T:
    """Make an attempt until Redis answers it; only for what may be done twice.

    Raises StoreError once the server has been away for ten minutes.
    """
    from redis.exceptions import ResponseError

    from transforms.io.redis_client import AWAY, raise_if_full

    wait_s, waited_s = 0.05, 0.0
    while True:
        try:
            return attempt()
        except AWAY as error:
            if waited_s >= PATIENCE_S:
                raise StoreError(
                    f"Redis has been away for {waited_s:.0f} s ({error}). "
                    "Start it again and run the same command: it goes on where it was."
                ) from error
        # After what passes by itself: a slot that has moved is answered with an error of this kind, too.
        except ResponseError as error:
            raise_if_full(error, store.url)
            raise
        sleep(wait_s)
        waited_s, wait_s = waited_s + wait_s, min(2 * wait_s, _LONGEST_WAIT_S)
        with suppress(StoreError):
            store.ensure()
