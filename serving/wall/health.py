"""Whether the machinery is well: progress, throughput, Redis."""

from dataclasses import dataclass
from typing import Any, Final

from schemas.keys import writers_key
from serving.access import Store, read_each, store_errors
from serving.job import read_job
from serving.metrics import read_metrics
from serving.wall.moment import Moment, read_moment
from serving.wall.quality import read_verdicts

MINUTE_MS: Final = 60_000
SHOWN_MINUTES: Final = 60
LOOKED_BACK_MS: Final = 14 * 24 * 60 * MINUTE_MS
_EVENTS: Final = ("views", "clicks", "follows", "orders_placed", "orders_paid")
_SERVER: Final = (
    "used_memory", "maxmemory", "connected_clients", "instantaneous_ops_per_sec", "uptime_in_seconds", "redis_version",
)  # fmt: skip


@dataclass(frozen=True)
class HealthView:
    """What the health view shows; `events` are views, clicks, follows and order changes by the minute of event time."""

    moment: Moment
    job: dict[str, str]
    progress: dict[str, int]
    events: list[int]
    events_from_ms: int | None
    verdicts: dict[str, int]
    flushes: int
    server: dict[str, int | str]
    keys: int | None


def read_health(store: Store) -> HealthView:
    """Return the state of job and server; six round trips."""
    job, moment = read_job(store), read_moment(store)
    begin, events = _events(store, moment.as_of_ms)
    (writers,) = read_each(store, [("HGETALL", writers_key(store.namespace))])
    return HealthView(
        moment,
        {name: job.description[name] for name in ("job_id", "status", "epoch") if name in job.description},
        {name: int(value) for name, value in job.progress.items() if value.lstrip("-").isdigit()},
        events,
        begin,
        read_verdicts(store),
        sum(int(value) for value in writers.values() if value.isdigit()),
        *_server(store),
    )


def _events(store: Store, as_of_ms: int | None) -> tuple[int | None, list[int]]:
    """Return the last hour, or where nothing happened in it, the last one in which anybody viewed anything."""
    if as_of_ms is None:
        return None, []
    hours = read_metrics(store, "platform", "all", window="hour", from_ms=as_of_ms - LOOKED_BACK_MS)
    last = max((row.window_start_ms or 0 for row in hours if row.values["views"]), default=as_of_ms)
    end = min(as_of_ms - as_of_ms % MINUTE_MS, last + SHOWN_MINUTES * MINUTE_MS)
    begin = end - SHOWN_MINUTES * MINUTE_MS
    minutes = read_metrics(store, "platform", "all", window="minute", from_ms=begin, to_ms=end)
    rows = {row.window_start_ms: sum(row.values[name] for name in _EVENTS) for row in minutes}
    return begin, [rows.get(start, 0) for start in range(begin, end, MINUTE_MS)]


def _server(store: Store) -> tuple[dict[str, int | str], int | None]:
    """Return what the server says of itself; nothing of a cluster, whose nodes each say their own."""
    if hasattr(store.client, "nodes_manager"):
        return {}, None
    with store_errors():
        client: Any = store.client
        info, keys = client.info(), int(client.dbsize())
    return {name: info[name] for name in _SERVER if name in info}, keys
