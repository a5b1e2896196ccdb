"""The order events behind the figures, kept in columns: which items and sources made a broadcast's money.

Figures are published by one scope at a time; an item's money within one broadcast stands in the order log only.
"""

from dataclasses import dataclass, field
from threading import Lock
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from schemas.keys import VERSION_BYTES, job_key, order_log_key
from schemas.metrics import NO_ID
from serving.access import Store, read_each
from serving.cells import damage
from serving.explain.order_log import PAID

SHARDS: Final = 256
"""Order logs looked for; a job has at most as many keys a step."""
PARTS: Final = 64
"""So many pieces of a table are put together into one."""
_SCOPES: Final = ("session", "room", "creator", "campaign", "item", "traffic_source")
_COLUMNS: Final = ("event_id", "order_id", "status", "event_time_ms", "amount_minor")


@dataclass(frozen=True)
class Airing:
    """Where and when one broadcast took orders, in UTC milliseconds."""

    session_id: str
    room_id: str
    creator_id: str
    campaign_id: str
    first_ms: int
    last_ms: int


@dataclass
class OrderIndex:
    """All order events of one store, each once; `refresh` reads what is new.

    Costs about 150 bytes of memory an order event, as long as the order log itself keeps it.
    """

    store: Store
    _seen: set[str] = field(default_factory=set)
    _read: dict[str, int] = field(default_factory=dict)
    _fields: dict[str, set[bytes]] = field(default_factory=dict)
    _job: bytes | None = None
    _table: pa.Table | None = None
    _lock: Lock = field(default_factory=Lock)

    def refresh(self) -> pa.Table | None:
        """Return all order events known by now; costs one small read a shard where nothing is new."""
        with self._lock:
            keys = [order_log_key(self.store.namespace, shard) for shard in range(SHARDS)]
            job, *sizes = read_each(
                self.store,
                [("HGET", job_key(self.store.namespace), "job_id"), *(("HLEN", key) for key in keys)],
            )
            changed = {
                key: size for key, size in zip(keys, sizes, strict=True) if size != self._read.get(key, 0)
            }
            if job != self._job or any(size < self._read.get(key, 0) for key, size in changed.items()):
                self._forget()
                self._job = job
                changed = {key: size for key, size in zip(keys, sizes, strict=True) if size}
            for key, size in changed.items():
                self._take(key)
                self._read[key] = size
            return self._table

    def _forget(self) -> None:
        """Begin again: another job has emptied the log."""
        self._seen, self._read, self._fields, self._table = set(), {}, {}, None

    def _take(self, key: str) -> None:
        held = self._fields.setdefault(key, set())
        (names,) = read_each(self.store, [("HKEYS", key)])
        fresh = sorted(set(names) - held)
        values = read_each(self.store, [("HGET", key, name) for name in fresh])
        held.update(fresh)
        with damage():
            tables = [
                pa.ipc.open_stream(value[VERSION_BYTES:]).read_all() for value in reversed(values) if value
            ]
        parts = [part for table in tables if (part := self._once(table)).num_rows]
        if parts:
            self._table = _joined([*([self._table] if self._table else []), *parts])

    def _once(self, table: pa.Table) -> pa.Table:
        """Return the events that no value read before had."""
        ids = table["event_id"].to_pylist()
        fresh = []
        for event_id in ids:
            fresh.append(event_id not in self._seen)
            self._seen.add(event_id)
        return _narrow(table.filter(pa.array(fresh, pa.bool_())))


def airings(orders: pa.Table | None) -> list[Airing]:
    """Return every broadcast that took an order, newest last; an order's own room and creator name it."""
    if orders is None or not orders.num_rows:
        return []
    own = orders.filter(
        pc.and_(pc.less_equal(orders["status"], PAID), pc.not_equal(orders["session"], NO_ID))
    )
    grouped = own.group_by("session").aggregate(
        [
            ("room", "min"),
            ("creator", "min"),
            ("campaign", "min"),
            ("event_time_ms", "min"),
            ("event_time_ms", "max"),
        ]
    )
    columns = (
        "session",
        "room_min",
        "creator_min",
        "campaign_min",
        "event_time_ms_min",
        "event_time_ms_max",
    )
    rows = zip(*(grouped[name].to_pylist() for name in columns), strict=True)
    return sorted((Airing(*row) for row in rows), key=lambda airing: (airing.last_ms, airing.session_id))


def of_session(orders: pa.Table | None, session_id: str, to_ms: int | None = None) -> pa.Table | None:
    """Return the order events of one broadcast, before a moment if one is given."""
    if orders is None:
        return None
    kept = pc.equal(orders["session"], session_id)
    if to_ms is not None:
        kept = pc.and_(kept, pc.less(orders["event_time_ms"], to_ms))
    return orders.filter(kept)


def _narrow(table: pa.Table) -> pa.Table:
    """Return the columns that the wall looks at, plain, an event without an id of a scope under `none`."""
    plain = {name: table[name] for name in _COLUMNS}
    for scope in _SCOPES:
        name = f"scope_{scope}"
        held = table[name] if name in table.schema.names else pa.nulls(table.num_rows, pa.string())
        plain[scope] = pc.fill_null(pc.cast(held, pa.string()), NO_ID)
    return pa.table(plain)


def _joined(tables: list[pa.Table]) -> pa.Table:
    table = pa.concat_tables(tables, promote_options="permissive")
    return table.combine_chunks() if table["event_id"].num_chunks > PARTS else table
