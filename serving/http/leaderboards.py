"""`/v1/leaderboards/{scope}`: who leads in one metric."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from schemas.keys import (
    BOARDS,
    board_key,
    metric_key,
    snapshot_key,
    unpack_version,
    window_index_key,
)
from schemas.metrics import METRICS, SCOPES, TOTAL_START, WINDOWS
from serving.http.answers import Answer
from serving.http.endpoint import Asked, Endpoint, Nothing
from serving.http.parameters import Metric, Moment, Scope, Window, check_path, check_query, moment_ms
from serving.http.store import AsyncStore, Seen
from serving.http.windows import stem
from serving.leaderboards import board_values, is_kept, layer_of, places_of, values_of
from serving.windows import to_text, window_of

READ_BOARD: Final = """
local start = ARGV[1]
if start == '' then
  start = redis.call('ZREVRANGE', KEYS[1], 0, 0)[1]
  if not start then return {false, false, {}} end
end
local version = ARGV[2] ~= '' and redis.call('HGET', KEYS[2], ARGV[5])
if version then
  return {start, version, redis.call('ZRANGE', ARGV[2] .. start .. '}:' .. ARGV[3], 0, -1, 'WITHSCORES')}
end
return {start, false, redis.call('HGETALL', ARGV[4] .. start .. '}')}
"""
"""Read a leaderboard, or the cells to rank where none is kept, of one window or the newest.

Keys: the index of windows, the snapshot. Arguments: a start, empty for the newest; what the board's key begins with,
empty for cells; the metric; what the cells' key begins with; the field of the boards' version.
"""


class BoardPath(msgspec.Struct):
    """Whose board."""

    scope: Scope


class BoardQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which board, and how many places of it."""

    metric: Metric = "gmv_paid_minor"
    window: Window = "total"
    at: Moment | None = None
    k: Annotated[int, Meta(ge=1, le=1000, description="How many places.")] = 10


class BoardPlace(msgspec.Struct):
    """One line of a leaderboard."""

    rank: int
    id: str
    value: int


class BoardAnswer(Answer, kw_only=True):
    """The ids with the highest value above 0, best first; equal ones by id. Places may be as of some seconds earlier."""

    scope: str
    metric: str
    window: str
    window_start: str | None
    places_as_of: str | None
    rows: list[BoardPlace]


class Board(msgspec.Struct):
    """What was read: the window's start, None where there is none; what the places are as of; values by id."""

    start: int | None
    as_of_ms: int | None
    values: dict[str, int]
    seen: Seen


async def leaderboard(asked: Asked[BoardPath, BoardQuery, Nothing]) -> BoardAnswer:
    """Read the leading ids of a scope."""
    scope, query, service = asked.path.scope, asked.query, asked.service
    check_path("scope", scope, SCOPES)
    check_query("metric", query.metric, METRICS)
    check_query("window", query.window, WINDOWS)
    start = TOTAL_START if query.window == "total" else None
    if query.at is not None:
        zone = await service.timezone()
        start = window_of(query.window, moment_ms("at", query.at, zone), zone)
    board = await read_board(service.store, scope, query, start)
    places = [BoardPlace(each.rank, each.id, each.value) for each in places_of(board.values, query.k)]
    return BoardAnswer(
        scope=scope, metric=query.metric, window=query.window,
        window_start=to_text(None if board.start == TOTAL_START else board.start),
        places_as_of=to_text(board.as_of_ms), rows=places, **service.told(board.seen),
    )  # fmt: skip


async def read_board(store: AsyncStore, scope: str, query: BoardQuery, start: int | None) -> Board:
    """Read a board of one window, or of the newest; in one round trip where one server has all keys."""
    if store.is_cluster:
        return await _by_parts(store, scope, query, start)
    layer, name = layer_of(query.metric), store.namespace
    kept = (
        stem(board_key(name, layer, scope, query.window, 0)) if is_kept(scope, query.window, query.k) else ""
    )
    cells = stem(metric_key(name, layer, scope, query.window, 0))
    index = window_index_key(name, query.window)
    told_start = "" if start is None else start
    command = (
        "EVAL", READ_BOARD, 2, index, snapshot_key(name), told_start, kept, query.metric, cells, BOARDS,
    )  # fmt: skip
    seen = await store.ask_together([command])
    found, version, held = seen.answers[0]
    return _board(query.metric, None if found is None else int(found), version, held, seen)


async def _by_parts(store: AsyncStore, scope: str, query: BoardQuery, start: int | None) -> Board:
    layer, name = layer_of(query.metric), store.namespace
    if start is None:
        (newest,) = await store.ask([("ZREVRANGE", window_index_key(name, query.window), 0, 0)])
        start = int(newest[0]) if newest else None
    board = board_key(name, layer, scope, query.window, start or 0, query.metric)
    seen = await store.ask_together(
        [("HGET", snapshot_key(name), BOARDS), ("ZRANGE", board, 0, -1, "WITHSCORES")]
    )
    version, held = seen.answers
    if start is None or (version and is_kept(scope, query.window, query.k)):
        return _board(query.metric, start, version, held, seen)
    seen = await store.ask_together([("HGETALL", metric_key(name, layer, scope, query.window, start))])
    return _board(query.metric, start, None, seen.answers[0], seen)


def _board(metric: str, start: int | None, version: bytes | None, held: Any, seen: Seen) -> Board:
    if start is None:
        return Board(None, None, {}, seen)
    if version:
        return Board(start, unpack_version(version).as_of_ms, board_values(held), seen)
    cells = held if isinstance(held, dict) else dict(zip(held[::2], held[1::2], strict=True))
    return Board(start, seen.job.as_of_ms, values_of(metric, cells), seen)


LEADERBOARD: Final = Endpoint(
    "GET", "/v1/leaderboards/{scope}", "leaderboard", "The ids with the most of one metric.",
    BoardAnswer, leaderboard, BoardPath, BoardQuery,
)  # fmt: skip
