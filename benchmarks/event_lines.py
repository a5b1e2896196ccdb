"""Renders blocks of generated events as JSON lines, whole columns at a time (a million lines a second)."""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

VIEW, CLICK, PLACED, PAID, REFUNDED, FOLLOW, COUPON, STARTED, ENDED = range(9)
ROOMS: Final = 200
ITEMS: Final = 5_000
COUPONS_PER_ROOM: Final = 5
AD_PLANS: Final = 300
SESSION_MS: Final = 3_600_000
SESSION_STAGGER_MS: Final = SESSION_MS // ROOMS
START_MS: Final = 1_781_784_000_000  # 2026-06-18T12:00:00Z
PLAIN_SOURCES: Final = ("recommend", "follow", "search", "short_video", "share", "campaign", "other")
FIRST_COUPON: Final = len(PLAIN_SOURCES)
FIRST_AD_PLAN: Final = FIRST_COUPON + ROOMS * COUPONS_PER_ROOM

Column = npt.NDArray[np.int64]
Block = dict[str, Column]
Piece: TypeAlias = "pa.Array | str"
_Details: TypeAlias = Callable[[Block], list[Piece]]

_TYPES: Final = {
    VIEW: "view", CLICK: "click", PLACED: "order", PAID: "order", REFUNDED: "order", FOLLOW: "follow",
    COUPON: "coupon", STARTED: "live", ENDED: "live",
}  # fmt: skip
_ROOM_TEXT: Final = pa.array([f'"room_id":"r{r:03d}","creator_id":"c{r:03d}",' for r in range(ROOMS)])
_ITEM_TEXT: Final = pa.array([f'"item_id":"i{i:04d}"' for i in range(ITEMS)])
_TRAFFIC_TEXT: Final = pa.array(
    [f',"traffic_source":"{name}"' for name in PLAIN_SOURCES]
    + [
        f',"traffic_source":"coupon","coupon_id":"cp{r:03d}-{k}"'
        for r in range(ROOMS)
        for k in range(COUPONS_PER_ROOM)
    ]
    + [f',"traffic_source":"qianchuan","ad_plan_id":"plan{k:03d}"' for k in range(AD_PLANS)]
)


def lines_of(block: Block) -> memoryview:
    """Return the block's JSON lines as one piece of bytes, in the block's order."""
    kinds = block["kind"]
    rendered, places = [], []
    for kind in range(len(_TYPES)):
        of_kind = np.flatnonzero(kinds == kind)
        if len(of_kind):
            rendered.append(_render(kind, {name: column[of_kind] for name, column in block.items()}))
            places.append(of_kind)
    back = np.argsort(np.concatenate(places), kind="stable")
    lines = pa.concat_arrays(rendered).take(pa.array(back))
    _, offsets, data = lines.buffers()
    last = np.frombuffer(offsets, np.int64)[len(lines)]
    return memoryview(data)[:last]


def _render(kind: int, block: Block) -> pa.Array:
    details = _DETAILS[kind](block)
    head: list[Piece] = [
        '{"event_id":"e', _number(block["number"] + 10**10), f'","event_type":"{_TYPES[kind]}","event_time":',
        _number(block["time"]), ",", *_where(block),
    ]  # fmt: skip
    user: list[Piece] = (
        [] if kind in (COUPON, STARTED, ENDED) else ['"user_id":"u', _number(block["user"]), '",']
    )
    return _joined([*head, *user, *details, "}\n"])


def _where(block: Block) -> list[Piece]:
    session = (block["time"] - START_MS + block["room"] * SESSION_STAGGER_MS) // SESSION_MS
    return [_ROOM_TEXT.take(pa.array(block["room"])), '"session_id":"s', _number(block["room"]), "-",
            _number(session), '",']  # fmt: skip


def _view(block: Block) -> list[Piece]:
    shown = _items(np.maximum(block["item"], 0))
    stay = pc.binary_join_element_wise('"dwell_ms":', _number(block["amount"]), "")
    return [pc.if_else(pa.array(block["item"] >= 0), shown, stay), _traffic(block)]


def _click(block: Block) -> list[Piece]:
    return [_items(block["item"]), _traffic(block)]


def _order(status: str) -> _Details:
    def details(block: Block) -> list[Piece]:
        return [
            _items(block["item"]), _traffic(block), ',"order_id":"o', _number(block["order"]),
            '","quantity":', _number(block["quantity"]), ',"amount_minor":', _number(block["amount"]),
            f',"currency":"CNY","order_status":"{status}"',
        ]  # fmt: skip

    return details


def _follow(block: Block) -> list[Piece]:
    return ['"item_id":null', _traffic(block)]


def _coupon(block: Block) -> list[Piece]:
    return ['"coupon_status":"granted"', _traffic(block), ',"impressions":', _number(block["quantity"]),
            ',"cost_minor":', _number(block["amount"]), ',"valid_from":', _number(block["time"]),
            ',"valid_to":', _number(block["time"] + SESSION_MS), ',"holdout_share":0.0']  # fmt: skip


def _live(status: str) -> _Details:
    def details(block: Block) -> list[Piece]:
        return [f'"live_status":"{status}","base_id":"b', _number(block["room"] % 10), '"']

    return details


def _items(item: Column) -> pa.Array:
    return _ITEM_TEXT.take(pa.array(item))


def _traffic(block: Block) -> pa.Array:
    return _TRAFFIC_TEXT.take(pa.array(block["traffic"]))


def _number(values: Column) -> pa.Array:
    return pa.array(values).cast(pa.string())


def _joined(pieces: list[Piece]) -> pa.Array:
    # The last argument is the separator; large strings, since a block's text may pass 2 GiB.
    return pc.binary_join_element_wise(*map(_wide, pieces), _wide(""))


def _wide(piece: Piece) -> pa.Array | pa.Scalar:
    return (
        piece.cast(pa.large_string()) if isinstance(piece, pa.Array) else pa.scalar(piece, pa.large_string())
    )


_DETAILS: Final[dict[int, _Details]] = {
    VIEW: _view, CLICK: _click, PLACED: _order("placed"), PAID: _order("paid"), REFUNDED: _order("refunded"),
    FOLLOW: _follow, COUPON: _coupon, STARTED: _live("started"), ENDED: _live("ended"),
}  # fmt: skip
