"""The views by name, each as the JSON that the page reads."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from schemas.errors import InterestreamError, UsageError
from serving.access import Store
from serving.wall.broadcasts import read_broadcasts
from serving.wall.definitions import definitions
from serving.wall.health import read_health
from serving.wall.kept import Clock, Kept
from serving.wall.model import read_model
from serving.wall.moment import read_moment
from serving.wall.order_index import OrderIndex
from serving.wall.pins import Pins
from serving.wall.platform import read_platform
from serving.wall.quality import read_quality
from serving.wall.room import read_room

AGE_S: Final = 0.25
"""How old an answer may be: four a second is what a page takes in."""
Asked = Mapping[str, str]
_encode = msgspec.json.Encoder().encode


@dataclass
class Views:
    """Composes views of one store; safe to call from many threads."""

    store: Store
    clock: Clock
    index: OrderIndex = field(init=False)
    pins: Pins = field(init=False)
    _kept: Kept = field(init=False)

    def __post_init__(self) -> None:
        self.index, self.pins = OrderIndex(self.store), Pins(self.store)
        self._kept = Kept(AGE_S, self.clock)

    def warm(self) -> None:
        """Read what the first view would wait for: the orders so far. Call it before anybody asks; waits for it."""
        with suppress(InterestreamError):
            self.body("platform", {})

    def body(self, name: str, asked: Asked) -> bytes:
        """Return a view's JSON; raises UsageError for what does not exist, StoreError where Redis is gone."""
        key = (name, *sorted(asked.items()))
        return self._kept.get(key, lambda: _encode(self._read(name, asked)))

    def _read(self, name: str, asked: Asked) -> Any:
        composers: dict[str, Callable[[], Any]] = {
            "platform": lambda: read_platform(self.store, self.index, asked.get("window", "hour")),
            "quality": lambda: read_quality(self.store),
            "model": lambda: read_model(self.store),
            "health": lambda: read_health(self.store),
            "definitions": definitions,
            "broadcasts": self._broadcasts,
            "room": lambda: read_room(
                self.store,
                self.index,
                asked.get("room_id", ""),
                asked.get("session"),
                _moment(asked.get("at")),
                self.pins,
            ),
        }
        if name not in composers:
            raise UsageError(f"There is no view {name!r}; there are: {', '.join(composers)}.")
        return composers[name]()

    def _broadcasts(self) -> dict[str, Any]:
        moment = read_moment(self.store)
        return {"moment": moment, "broadcasts": read_broadcasts(self.store, self.index, moment.as_of_ms)}


def _moment(text: str | None) -> int | None:
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"A moment is a whole number of UTC milliseconds; it is {text!r}.") from None
