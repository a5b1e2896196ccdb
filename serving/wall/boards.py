"""Leaderboards beside those of the span before: who leads, and how many places they moved."""

from dataclasses import dataclass
from typing import Final

from serving.access import Store
from serving.leaderboards import read_leaderboard

SCOPES: Final = ("creator", "merchant", "mcn", "item")
PLACES: Final = 10
KEPT: Final = 100


@dataclass(frozen=True)
class Standing:
    """One place; `moved` is how many places up since the span before, None where the id was not on the board."""

    rank: int
    id: str
    value: int
    moved: int | None


@dataclass(frozen=True)
class Board:
    """The leaders of one scope in one window."""

    scope: str
    metric: str
    window: str
    window_start_ms: int | None
    standings: list[Standing]


def read_boards(store: Store, scopes: tuple[str, ...], window: str, at_ms: int) -> list[Board]:
    """Return the boards of some scopes in the window that holds a moment; two small reads a board."""
    return [_board(store, scope, window, at_ms) for scope in SCOPES if scope in scopes]


def _board(store: Store, scope: str, window: str, at_ms: int) -> Board:
    metric = "gmv_paid_minor"
    now = read_leaderboard(store, scope, metric, window=window, at_ms=at_ms, k=PLACES)
    earlier: dict[str, int] = {}
    if now.window_start_ms is not None:
        before = read_leaderboard(store, scope, metric, window=window, at_ms=now.window_start_ms - 1, k=KEPT)
        earlier = {place.id: place.rank for place in before.places}
    standings = [
        Standing(
            place.rank, place.id, place.value, earlier[place.id] - place.rank if place.id in earlier else None
        )
        for place in now.places
    ]
    return Board(scope, metric, window, now.window_start_ms, standings)
