"""Who leads: the ids of one scope with the most of one metric in one window."""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.errors import UsageError
from schemas.keys import BOARDS, board_key, metric_key, snapshot_key, unpack_version
from schemas.metrics import (
    BOARD_METRICS,
    BOARD_PLACES,
    BOARD_WINDOWS,
    EVENT_TIME_COUNTS,
    METRICS,
    ORDER_TIME_COUNTS,
    TOTAL_START,
    UNRANKED,
    derive,
)
from serving.access import Store, read_together
from serving.cells import decode_cell
from serving.job import read_job
from serving.windows import latest_start, window_of


@dataclass(frozen=True)
class Place:
    """One line of a leaderboard."""

    rank: int
    id: str
    value: int


@dataclass(frozen=True)
class Leaderboard:
    """The leading ids, best first; `window_start_ms` is None for `total` and where nothing is published.

    `as_of_ms` is the event time that the places are right as of, None where nobody has said.
    """

    scope: str
    metric: str
    window: str
    window_start_ms: int | None
    places: list[Place]
    as_of_ms: int | None = None


def read_leaderboard(
    store: Store,
    scope: str,
    metric: str = "gmv_paid_minor",
    *,
    window: str = "total",
    at_ms: int | None = None,
    k: int = 10,
) -> Leaderboard:
    """Return the k ids with the highest value above 0 in the window that holds `at_ms` (None: the newest).

    Equal values stand in the order of their ids. Boards of hours, days and in total are kept by the job; they may be
    as of a moment some seconds before the figures of other look-ups, and say which. Costs one small read. What no board
    holds is ranked from the cells: minutes, and places beyond the hundredth; 10,000 ids in about 20 ms. Values above
    2^53 are rounded in a board, as its scores are float64. Raises UsageError for an unknown metric or window.
    """
    if metric not in METRICS:
        raise UsageError(f"There is no metric {metric!r}; there are: {', '.join(METRICS)}.")
    if at_ms is None:
        start = latest_start(store, window)
    else:
        start = window_of(window, at_ms, read_job(store).timezone)
    if start is None:
        return Leaderboard(scope, metric, window, None, [])
    start_ms = None if start == TOTAL_START else start
    kept = _kept(store, scope, metric, window, start) if is_kept(scope, window, k) else None
    entries, as_of_ms = kept or _ranked(store, scope, metric, window, start)
    return Leaderboard(scope, metric, window, start_ms, places_of(entries, k), as_of_ms)


Entries = tuple[dict[str, int], int | None]
"""Values by id, and what they are as of."""


def places_of(values: Mapping[str, int], k: int) -> list[Place]:
    """Return the k ids with the highest values, equal ones in the order of their ids.

    >>> [place.id for place in places_of({"b": 3, "a": 3, "z": 9}, 2)]
    ['z', 'a']
    """
    best = heapq.nsmallest(k, values.items(), key=lambda entry: (-entry[1], entry[0]))
    return [Place(rank, identifier, value) for rank, (identifier, value) in enumerate(best, start=1)]


def is_kept(scope: str, window: str, k: int) -> bool:
    """Say whether the job keeps a board that has these places."""
    return scope != UNRANKED and window in BOARD_WINDOWS and k <= BOARD_PLACES


def _kept(store: Store, scope: str, metric: str, window: str, start: int) -> Entries | None:
    """Return the places of a board, None where the job keeps none; a set has equal scores in an order of its own."""
    key = board_key(store.namespace, layer_of(metric), scope, window, start, metric)
    commands = [("HGET", snapshot_key(store.namespace), BOARDS), ("ZRANGE", key, 0, -1, "WITHSCORES")]
    version, scored = read_together(store, commands).answers
    if not version:
        return None
    return board_values(scored), unpack_version(version).as_of_ms


def board_values(scored: list[Any]) -> dict[str, int]:
    """Return the values of a kept board by id."""
    return {field.decode(): int(float(score)) for field, score in _scored_pairs(scored)}


def _scored_pairs(scored: list[Any]) -> Iterable[tuple[bytes, Any]]:
    """Return ids with their scores: servers answer in pairs under RESP3, one after another under RESP2."""
    if scored and isinstance(scored[0], bytes):
        return zip(scored[::2], scored[1::2], strict=True)
    return ((field, score) for field, score in scored)


def _ranked(store: Store, scope: str, metric: str, window: str, start: int) -> Entries:
    """Return every value above 0 from the cells."""
    key = metric_key(store.namespace, layer_of(metric), scope, window, start)
    seen = read_together(store, [("HGETALL", key)])
    return values_of(metric, seen.answers[0]), seen.as_of_ms


def values_of(metric: str, cells: Mapping[bytes, bytes]) -> dict[str, int]:
    """Return one metric's values above 0 from the stored cells of its layer."""
    names = ORDER_TIME_COUNTS if layer_of(metric) == "o" else EVENT_TIME_COUNTS
    values = {field.decode(): derive(decode_cell(cell, names))[metric] for field, cell in cells.items()}
    return {identifier: value for identifier, value in values.items() if value > 0}


def layer_of(metric: str) -> str:
    """Return the layer of cells that a metric is ranked from."""
    return next(layer for layer, metrics in BOARD_METRICS.items() if metric in metrics)
