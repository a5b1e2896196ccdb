"""What a publication changed: one entry of the stream `NS:{s}:changes`, from the pipeline to whoever waits for news.

An entry names kinds (a scope; `attribution`; `funnel`) with the first and the last start of their changed windows, and
no figures: those are read when somebody wants them. It is a hint. One that is lost, repeated or about a write that was
refused does no harm, since every figure is absolute.

>>> changes = Changes()
>>> changes.note("room", "minute", 60_000)
>>> changes.note("room", "minute", 0)
>>> taken = changes.take()
>>> decode_changes(taken)
{'room': {'minute': (0, 60000)}}
>>> merged([decode_changes(taken), {"room": {"minute": (120_000, 120_000)}, "item": {"total": (-1, -1)}}])
{'room': {'minute': (0, 120000)}, 'item': {'total': (-1, -1)}}
"""

from collections.abc import Iterable
from typing import Final

import msgspec

FIELD: Final = "changed"
KEPT: Final = 4096
"""About how many entries stay: at fifty a second more than a minute, for those who reconnect."""
ATTRIBUTION: Final = "attribution"
FUNNEL: Final = "funnel"

Spans = dict[str, tuple[int, int]]
"""By window: the first and the last start."""
Changed = dict[str, Spans]
"""By kind."""

_DECODER: Final = msgspec.msgpack.Decoder(Changed)


class Changes:
    """What has changed since it was last taken; a comparison a change."""

    def __init__(self) -> None:
        self._held: Changed = {}

    def note(self, kind: str, window: str, start_ms: int) -> None:
        """Remember that a window of a kind has changed."""
        _widen(self._held.setdefault(kind, {}), window, start_ms, start_ms)

    def take(self) -> bytes:
        """Return all that has changed as the body of an entry, empty for nothing, and begin anew."""
        held, self._held = self._held, {}
        return msgspec.msgpack.encode(held) if held else b""


def decode_changes(body: bytes) -> Changed:
    """Read the body of an entry; raises msgspec.MsgspecError for one that is none."""
    return _DECODER.decode(body)


def merged(several: Iterable[Changed]) -> Changed:
    """Return several publications' changes as one."""
    held: Changed = {}
    for changed in several:
        for kind, spans in changed.items():
            for window, (first, last) in spans.items():
                _widen(held.setdefault(kind, {}), window, first, last)
    return held


def _widen(spans: Spans, window: str, first: int, last: int) -> None:
    least, most = spans.get(window, (first, last))
    spans[window] = min(least, first), max(most, last)
