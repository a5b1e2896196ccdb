"""Renders blocks of simulated events as JSON lines, whole columns at a time."""

import json
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.io.simulation.block import (
    ACTIVATED,
    CANCELLED,
    CLICKED,
    DELIVERED,
    ENDED,
    ENTERED,
    EXHAUSTED,
    EXPIRED,
    FOLLOWED,
    GHOST,
    GRANTED,
    KINDS,
    PAID,
    PLACED,
    REFUNDED,
    SHIPPED,
    SHOWN,
    STARTED,
    Block,
    rows,
)
from transforms.io.simulation.directory import Directory, Rows
from transforms.io.simulation.draws import Ints
from transforms.io.simulation.imperfections import FOREIGN, LACKING, MALFORMED
from transforms.io.simulation.scenario import PREFIX

CURRENCY: Final = "CNY"
FOREIGN_CURRENCY: Final = "XTS"
"""ISO 4217's code for tests."""

TYPES: Final = {
    ENTERED: "view", SHOWN: "view", GHOST: "view", CLICKED: "click", PLACED: "order", PAID: "order",
    SHIPPED: "order", DELIVERED: "order", CANCELLED: "order", REFUNDED: "order", FOLLOWED: "follow",
    GRANTED: "coupon", ACTIVATED: "coupon", EXHAUSTED: "coupon", EXPIRED: "coupon", STARTED: "live", ENDED: "live",
}  # fmt: skip
STATUSES: Final = {
    PLACED: "placed", PAID: "paid", SHIPPED: "shipped", DELIVERED: "delivered", CANCELLED: "cancelled",
    REFUNDED: "refunded", GRANTED: "granted", ACTIVATED: "activated", EXHAUSTED: "exhausted", EXPIRED: "expired",
    STARTED: "started", ENDED: "ended",
}  # fmt: skip
_CUT_AT: Final = 60

Piece: TypeAlias = "pa.Array | str"


class JsonLines:
    """Turns blocks into lines; a million a second on one core."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._items = pa.array([f'"item_id":"{item}",' for item in directory.items], pa.large_string())
        self._sessions, self._live, self._traffic, self._coupons = (_Fragments() for _ in range(4))
        self._details: dict[str, Callable[[int, Block], list[Piece]]] = {
            "view": self._view, "click": self._click, "order": self._order, "follow": self._follow,
            "coupon": self._coupon, "live": self._on_air,
        }  # fmt: skip

    def render(self, events: Block) -> memoryview:
        """Return the block's lines as one piece of bytes, in the block's order."""
        rendered, places = [], []
        for kind in range(KINDS):
            of_kind = np.flatnonzero(events["kind"] == kind)
            if len(of_kind):
                rendered.append(self._of_kind(kind, rows(events, of_kind)))
                places.append(of_kind)
        if not rendered:
            return memoryview(b"")
        back = np.argsort(np.concatenate(places), kind="stable")
        lines = pa.concat_arrays(rendered).take(pa.array(back))
        _, offsets, data = lines.buffers()
        return memoryview(data)[: np.frombuffer(offsets, np.int64)[len(lines)]]

    def _of_kind(self, kind: int, events: Block) -> pa.Array:
        event_type = TYPES[kind]
        lines = _joined(
            [
                f'{{"event_id":"{PREFIX}e', _number(events["number"]),
                f'","event_type":"{event_type}",',
                self._sessions.take(self._directory.sessions, events["session"]),
                *self._details[event_type](kind, events),
                '"event_time":', _number(events["time"]), "}\n",
            ]
        )  # fmt: skip
        malformed = events["flaw"] == MALFORMED
        if not malformed.any():
            return lines
        cut = pc.binary_join_element_wise(pc.utf8_slice_codeunits(lines, 0, _CUT_AT), _wide("\n"), _wide(""))
        return pc.if_else(pa.array(malformed), cut, lines)

    def _view(self, kind: int, events: Block) -> list[Piece]:
        shown: list[Piece] = [self._items.take(pa.array(events["item"]))] if kind == SHOWN else []
        stayed: list[Piece] = ['"dwell_ms":', _number(events["amount"]), ","] if kind != GHOST else []
        return [
            _user(events),
            *shown,
            self._source(events),
            *stayed,
            '"holdout":true,' if kind == GHOST else "",
        ]

    def _click(self, kind: int, events: Block) -> list[Piece]:  # noqa: ARG002
        return [_user(events), self._items.take(pa.array(events["item"])), self._source(events)]

    def _order(self, kind: int, events: Block) -> list[Piece]:
        currency: Piece = CURRENCY
        if (events["flaw"] == FOREIGN).any():
            currency = pc.if_else(pa.array(events["flaw"] == FOREIGN), FOREIGN_CURRENCY, CURRENCY)
        return [
            *self._click(kind, events), f'"order_id":"{PREFIX}o', _number(events["order"]), '","quantity":',
            _number(events["quantity"]), ',"amount_minor":', _number(events["amount"]), ',"currency":"', currency,
            f'","order_status":"{STATUSES[kind]}",',
        ]  # fmt: skip

    def _follow(self, kind: int, events: Block) -> list[Piece]:  # noqa: ARG002
        return [_user(events), self._source(events)]

    def _coupon(self, kind: int, events: Block) -> list[Piece]:
        terms = self._coupons.take(self._directory.coupons, events["amount"])
        return [self._source(events), terms, f'"coupon_status":"{STATUSES[kind]}",']

    def _on_air(self, kind: int, events: Block) -> list[Piece]:
        told = self._live.take(self._directory.live, events["session"])
        return [told, f'"live_status":"{STATUSES[kind]}",']

    def _source(self, events: Block) -> pa.Array:
        return self._traffic.take(self._directory.traffic, events["traffic"])


class _Fragments:
    """The JSON members of rows of the directory, kept until it has grown."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._array = pa.array([], pa.large_string())

    def take(self, table: Rows, codes: Ints) -> pa.Array:
        """Return the members of each code, each with a comma after it."""
        if len(self._texts) < len(table):
            self._texts += [_members(row) for row in table[len(self._texts) :]]
            self._array = pa.array(self._texts, pa.large_string())
        return self._array.take(pa.array(codes))


def _members(row: dict[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":"))[1:-1] + "," if row else ""


def _user(events: Block) -> Piece:
    named = _joined([f'"user_id":"{PREFIX}u', _number(events["user"]), '",'])
    lacking = events["flaw"] == LACKING
    return pc.if_else(pa.array(lacking), _wide(""), named) if lacking.any() else named


def _number(values: Ints) -> pa.Array:
    return pa.array(values).cast(pa.large_string())


def _joined(pieces: list[Piece]) -> pa.Array:
    # The last argument is the separator; large strings, since a block's text may pass 2 GiB.
    return pc.binary_join_element_wise(*map(_wide, pieces), _wide(""))


def _wide(piece: Piece) -> pa.Array | pa.Scalar:
    if isinstance(piece, str):
        return pa.scalar(piece, pa.large_string())
    return piece.cast(pa.large_string()) if isinstance(piece, pa.Array) else piece
