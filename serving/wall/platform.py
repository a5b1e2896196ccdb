"""The whole platform: where to look. FACT, the map of rooms, boards, the campaign, the funnel."""

from dataclasses import dataclass
from typing import Final

from schemas.errors import UsageError
from schemas.keys import metric_key
from schemas.metrics import BOARD_WINDOWS, EVENT_TIME_COUNTS
from serving.access import Store, read_each
from serving.cells import decode_cell
from serving.funnel import Funnel, read_funnel
from serving.job import read_job
from serving.leaderboards import read_leaderboard
from serving.metrics import read_metrics
from serving.wall.alarms import Alarm, coupon_alarms, newest_first, pace_alarms
from serving.wall.boards import Board, read_boards
from serving.wall.broadcasts import MINUTE_MS, Broadcast, read_broadcasts
from serving.wall.coupon_board import read_coupon_board
from serving.wall.drift import drift_alarms, read_drift
from serving.wall.fact_matrix import FactMatrix, read_fact
from serving.wall.moment import Moment, read_moment
from serving.wall.order_index import OrderIndex
from serving.wall.pace import change
from serving.wall.room_view import Trend
from serving.wall.sources import Source, read_sources

SHOWN_MINUTES: Final = 180
PACE: Final = 10
MAPPED: Final = 60
FUNNELS: Final = 6


@dataclass(frozen=True)
class RoomCell:
    """One room on the map: its broadcast's money, and the pace of its last five minutes."""

    room_id: str
    session_id: str
    creator_id: str
    gmv_paid_minor: int
    change: float | None
    on_air: bool


@dataclass(frozen=True)
class PlatformView:
    """What the platform view draws; `shown_to_ms` is now, or the end of the last show where nothing is on air."""

    moment: Moment
    shown_to_ms: int | None
    any_on_air: bool
    total: dict[str, int | float | None]
    trend: Trend | None
    fact: FactMatrix | None
    rooms: list[RoomCell]
    broadcasts: list[Broadcast]
    boards: list[Board]
    campaigns: list[str]
    sources: list[Source]
    funnels: list[Funnel]
    alarms: list[Alarm]


def read_platform(store: Store, index: OrderIndex, window: str = "hour") -> PlatformView:
    """Return the platform as of now; boards are of the hour, the day or in total.

    Costs some hundred small reads in about twenty round trips. Raises UsageError for another window.
    """
    if window not in BOARD_WINDOWS:
        raise UsageError(f"Boards are of {', '.join(BOARD_WINDOWS)}; the window is {window!r}.")
    moment = read_moment(store)
    shows = read_broadcasts(store, index, moment.as_of_ms)
    on_air = any(show.on_air for show in shows)
    to_ms = moment.as_of_ms if on_air or not shows else shows[0].to_ms
    rows = read_metrics(store, "platform", "all")
    total = rows[0].figures if rows else {}
    if to_ms is None:
        return PlatformView(moment, None, False, total, None, None, [], shows, [], [], [], [], [])
    trend = _trend(store, to_ms)
    alarms = pace_alarms("platform", "all", trend.values["gmv_paid_minor"], to_ms - 2 * MINUTE_MS)
    scopes = read_job(store).scopes
    return PlatformView(
        moment,
        to_ms,
        on_air,
        total,
        trend,
        read_fact(store, to_ms) if "fact_channel" in scopes else None,
        _rooms(store, shows, to_ms),
        shows,
        read_boards(store, scopes, window, to_ms),
        sorted({show.campaign_id for show in shows if show.on_air or not on_air} - {"none", "unknown"}),
        read_sources(store, None, to_ms - SHOWN_MINUTES * MINUTE_MS, to_ms),
        _funnels(store, scopes),
        newest_first(
            [
                *alarms,
                *coupon_alarms(read_coupon_board(store)),
                *drift_alarms(read_drift(store, moment.as_of_ms)),
            ]
        ),
    )


def _trend(store: Store, to_ms: int) -> Trend:
    """Return the platform's last whole minutes."""
    end = to_ms - to_ms % MINUTE_MS
    begin = end - SHOWN_MINUTES * MINUTE_MS
    rows = {
        row.window_start_ms: row.values
        for row in read_metrics(store, "platform", "all", window="minute", from_ms=begin, to_ms=end)
    }
    names = ("gmv_paid_minor", "orders_paid", "views")
    values: dict[str, list[int | None]] = {
        name: [rows.get(start, {}).get(name, 0) for start in range(begin, end, MINUTE_MS)] for name in names
    }
    return Trend(begin, values)


def _rooms(store: Store, shows: list[Broadcast], to_ms: int) -> list[RoomCell]:
    """Return each room's newest broadcast, those on air first where any is, with its pace."""
    newest: dict[str, Broadcast] = {}
    for show in shows:
        newest.setdefault(show.room_id, show)
    mapped = sorted(newest.values(), key=lambda show: (not show.on_air, -show.gmv_paid_minor))[:MAPPED]
    names = [show.session_id for show in mapped]
    if not names:
        return []
    end = to_ms - to_ms % MINUTE_MS
    starts = range(end - PACE * MINUTE_MS, end, MINUTE_MS)
    keys = [metric_key(store.namespace, "e", "session", "minute", start) for start in starts]
    cells = zip(*read_each(store, [("HMGET", key, *names) for key in keys]), strict=True)
    paces = [
        change([decode_cell(cell, EVENT_TIME_COUNTS)["gmv_paid_minor"] for cell in column])
        for column in cells
    ]
    return [
        RoomCell(show.room_id, show.session_id, show.creator_id, show.gmv_paid_minor, pace, show.on_air)
        for show, pace in zip(mapped, paces, strict=True)
    ]


def _funnels(store: Store, scopes: tuple[str, ...]) -> list[Funnel]:
    """Return how far users have come in the categories that sell most."""
    if "category" not in scopes:
        return []
    leaders = read_leaderboard(store, "category", window="total", k=FUNNELS).places
    return [read_funnel(store, place.id, from_ms=0, to_ms=0) for place in leaders]
