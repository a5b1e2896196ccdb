"""`/v1/metrics/{scope}/{id}`: every figure of one id, window by window."""

from typing import Final

import msgspec

from schemas.keys import metric_key
from schemas.metrics import METRICS, RATIOS, SCOPES, UNIQUES, WINDOWS
from serving.http.answers import Answer
from serving.http.endpoint import Asked, Endpoint, Nothing, Subject
from serving.http.parameters import Bounded, Id, Scope, bounds_ms, check_path, check_query
from serving.http.store import AsyncStore
from serving.http.windows import Span, Windows, read_windows
from serving.metrics import MetricsRow, row_of
from serving.windows import to_text

Figures: Final[type[msgspec.Struct]] = msgspec.defstruct(
    "Figures",
    [
        ("window_start", str | None),
        *((name, int) for name in METRICS),
        *((name, int | None) for name in UNIQUES),
        *((name, float | None) for name in RATIOS),
    ],
    namespace={"__doc__": "Every figure of one window: counts, distinct users, ratios; null is not known."},
    module=__name__,
)


class MetricsPath(msgspec.Struct):
    """Whose figures."""

    scope: Scope
    id: Id


class MetricsAnswer(Answer, kw_only=True):
    """One id's figures, oldest window first; no rows where there are none. `truncated`: older ones were left out."""

    scope: str
    id: str
    window: str
    truncated: bool
    rows: list[Figures]  # type: ignore[valid-type]


MetricsAsked = Asked[MetricsPath, Bounded, Nothing]


async def metrics(asked: MetricsAsked) -> MetricsAnswer:
    """Read the figures of one id."""
    path, query = asked.path, asked.query
    check_path("scope", path.scope, SCOPES)
    check_query("window", query.window, WINDOWS)
    from_ms, to_ms = bounds_ms(query, await asked.service.timezone())
    span = Span(query.window, from_ms, to_ms, query.limit)
    found = await read_figures(asked.service.store, path.scope, path.id, span)
    return MetricsAnswer(
        scope=path.scope, id=path.id, window=query.window, truncated=found.truncated,
        rows=[plain(row) for row in figure_rows(path.scope, query.window, found)], **asked.service.told(found.seen),
    )  # fmt: skip


async def read_figures(store: AsyncStore, scope: str, identifier: str, span: Span) -> Windows:
    """Read an id's cells by event time and by order time."""
    reads = [(metric_key(store.namespace, layer, scope, span.window, 0), identifier) for layer in "eo"]
    return await read_windows(store, span, reads)


def figure_rows(scope: str, window: str, found: Windows) -> list[MetricsRow]:
    """Return the figures of the windows that have any."""
    return [row_of(scope, window, start, *cells) for start, cells in found.rows if any(cells)]


def plain(row: MetricsRow) -> msgspec.Struct:
    """Return one window's figures as they are sent."""
    return Figures(to_text(row.window_start_ms), *row.figures.values())


def whose(asked: MetricsAsked) -> Subject:
    """Return whose figures are asked for."""
    return asked.path.scope, asked.path.id


METRICS_OF_ID: Final = Endpoint(
    "GET", "/v1/metrics/{scope}/{id}", "metrics", "Every figure of one id, window by window.",
    MetricsAnswer, metrics, MetricsPath, Bounded, of_whom=whose,
)  # fmt: skip
