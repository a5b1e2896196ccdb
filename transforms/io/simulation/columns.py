"""Renders blocks of simulated events as Arrow batches with the schema of events."""

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.events import EVENT_SCHEMA
from transforms.io.simulation.block import (
    CLICKED,
    ENTERED,
    GHOST,
    KINDS,
    SHOWN,
    Block,
    size,
)
from transforms.io.simulation.directory import Directory, Rows
from transforms.io.simulation.draws import Flags, Ints
from transforms.io.simulation.imperfections import FOREIGN, LACKING, MALFORMED
from transforms.io.simulation.lines import CURRENCY, FOREIGN_CURRENCY, STATUSES, TYPES
from transforms.io.simulation.names import numbered

_NAMES_OF: Final = {
    kind: tuple(each for each, event_type in TYPES.items() if event_type == kind)
    for kind in ("view", "click", "order", "coupon", "live", "follow")
}
_SESSION: Final = ("room_id", "session_id", "creator_id")
_LIVE: Final = ("campaign_id", "base_id")
_TRAFFIC: Final = ("traffic_source", "coupon_id", "ad_plan_id", "campaign_id")
_TERMS: Final = ("cost_minor", "impressions", "valid_from", "valid_to", "task_id", "holdout_share")


class ArrowColumns:
    """Turns blocks into batches: the same events as the JSON lines; a malformed one lacks its type here."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._items = pa.array(directory.items)
        self._types = pa.array([TYPES[kind] for kind in range(KINDS)])
        self._statuses = pa.array([STATUSES.get(kind) for kind in range(KINDS)])
        self._tables: dict[str, tuple[int, dict[str, pa.Array]]] = {}

    def render(self, events: Block) -> pa.RecordBatch:
        """Return the block's events in the block's order."""
        kind, flaw = events["kind"], events["flaw"]
        of = {name: np.isin(kind, kinds) for name, kinds in _NAMES_OF.items()}
        order, coupon, live = of["order"], of["coupon"], of["live"]
        with_item = order | np.isin(kind, (SHOWN, CLICKED))
        currency = pc.if_else(pa.array(flaw == FOREIGN), FOREIGN_CURRENCY, CURRENCY)
        statuses = self._statuses.take(pa.array(kind))
        columns: dict[str, pa.Array] = {
            "event_id": numbered("e", events["number"]),
            "event_type": _where(flaw != MALFORMED, self._types.take(pa.array(kind))),
            "event_time": pa.array(events["time"]),
            "user_id": _where(~coupon & ~live & (flaw != LACKING), numbered("u", events["user"])),
            "item_id": _where(with_item, self._items.take(pa.array(np.where(with_item, events["item"], 0)))),
            "dwell_ms": _where(np.isin(kind, (ENTERED, SHOWN)), pa.array(events["amount"])),
            "holdout": _where(kind == GHOST, pa.array(np.ones(size(events), np.bool_))),
            "order_id": _where(order, numbered("o", events["order"])),
            "quantity": _where(order, pa.array(events["quantity"])),
            "amount_minor": _where(order, pa.array(events["amount"])),
            "currency": _where(order, currency),
            "order_status": _where(order, statuses),
            "coupon_status": _where(coupon, statuses),
            "live_status": _where(live, statuses),
            **self._looked_up("sessions", _SESSION, events["session"], np.ones(size(events), np.bool_)),
            **self._looked_up("traffic", _TRAFFIC, events["traffic"], ~live),
            **self._looked_up("coupons", _TERMS, events["amount"], coupon),
        }
        on_air = self._looked_up("live", _LIVE, events["session"], live)
        columns["campaign_id"] = pc.coalesce(columns["campaign_id"], on_air["campaign_id"])
        columns["base_id"] = on_air["base_id"]
        arrays = [
            columns[field.name].cast(field.type)
            if field.name in columns
            else pa.nulls(size(events), field.type)
            for field in EVENT_SCHEMA
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=EVENT_SCHEMA)

    def _looked_up(
        self, table: str, names: tuple[str, ...], codes: Ints, where: Flags
    ) -> dict[str, pa.Array]:
        places = pa.array(np.where(where, codes, 0), mask=~where)
        columns = self._columns(table, names)
        return {name: columns[name].take(places) for name in names}

    def _columns(self, table: str, names: tuple[str, ...]) -> dict[str, pa.Array]:
        held: Rows = getattr(self._directory, table)
        length, columns = self._tables.get(table, (-1, {}))
        if length != len(held):
            columns = {name: _column(held, name) for name in names}
            self._tables[table] = (len(held), columns)
        return columns


def _column(held: Rows, name: str) -> pa.Array:
    kind = EVENT_SCHEMA.field(name).type
    values: list[Any] = [row.get(name) for row in held]
    return pa.array(values, pa.int64() if pa.types.is_timestamp(kind) else kind).cast(kind)


def _where(present: Flags, values: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(present), values, pa.scalar(None, values.type))
