"""Frames of the stream: one update of one topic as server-sent events, its figures read once for all who watch it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from schemas.changes import Changed
from schemas.keys import metric_key
from schemas.metrics import TOTAL_START
from serving.http.answers import Answer
from serving.http.metrics import Figures, plain
from serving.metrics import row_of
from serving.windows import to_text

if TYPE_CHECKING:
    from serving.http.service import Service

UPDATE, RESYNC = "update", "resync"


class ChangedSpan(msgspec.Struct):
    """Something of a kind (a scope, `attribution`, `funnel`) changed in windows that begin between these."""

    kind: str
    window: str
    first: str | None
    last: str | None


class Update(Answer, kw_only=True):
    """What changed since the update before, null for everything; with the figures in total of the id that is watched."""

    scope: str | None
    id: str | None
    changed: list[ChangedSpan] | None
    figures: Figures | None  # type: ignore[valid-type]


@dataclass(frozen=True)
class Topic:
    """What somebody watches: everything, a scope, or one id."""

    scope: str | None = None
    id: str | None = None

    def concerns(self, changed: Changed) -> bool:
        """Say whether a publication may have changed anything of it."""
        return self.scope is None or self.scope in changed


@dataclass(frozen=True)
class Frame:
    """One update as it is sent: the id of the stream's entry that it goes up to, its kind, its data."""

    id: str
    data: bytes
    kind: str = UPDATE

    def resynchronising(self) -> "Frame":
        """Return it as one after something was missed, so that all is to be looked at again."""
        return replace(self, kind=RESYNC)

    def encoded(self) -> bytes:
        r"""Return it as a server-sent event.

        >>> Frame("5-0", b"{}").encoded()
        b'id: 5-0\nevent: update\ndata: {}\n\n'
        """
        return b"id: %b\nevent: %b\ndata: %b\n\n" % (self.id.encode(), self.kind.encode(), self.data)


async def read_frames(
    service: "Service", topics: Sequence[Topic], at: str, changed: Changed | None
) -> list[Frame]:
    """Return a frame a topic, all of one moment, in one round trip; `changed` None: whoever comes is shown all."""
    name = service.store.namespace
    watched = [topic for topic in topics if topic.scope is not None and topic.id is not None]
    commands = [
        ("HGET", metric_key(name, layer, str(topic.scope), "total", TOTAL_START), topic.id)
        for topic in watched
        for layer in "eo"
    ]
    seen = await service.store.ask_together(commands)
    told = service.told(seen)
    cells = dict(zip(watched, zip(seen.answers[::2], seen.answers[1::2], strict=True), strict=True))
    return [Frame(at, _data(topic, told, changed, cells.get(topic))) for topic in topics]


def _data(
    topic: Topic,
    told: dict[str, Any],
    changed: Changed | None,
    cells: tuple[bytes | None, bytes | None] | None,
) -> bytes:
    figures = None
    if cells is not None and any(cells):
        figures = plain(row_of(str(topic.scope), "total", TOTAL_START, *cells))
    spans = None if changed is None else _spans(changed)
    return msgspec.json.encode(Update(scope=topic.scope, id=topic.id, changed=spans, figures=figures, **told))


def _spans(changed: Changed) -> list[ChangedSpan]:
    return [
        ChangedSpan(kind, window, _moment(first), _moment(last))
        for kind, spans in sorted(changed.items())
        for window, (first, last) in sorted(spans.items())
    ]


def _moment(start: int) -> str | None:
    return None if start == TOTAL_START else to_text(start)
