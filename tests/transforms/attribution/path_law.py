"""Channel paths said in plain Python from their definition, and the steps and sets they are counted by."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from schemas.path_nodes import NODE_NAMES
from transforms.state.hashing import hash_strings

WINDOW_MS = 7 * 86_400_000
CHANNELS = {
    "coupon": ["coupon\x1fc1", "coupon\x1fc2"],
    "ad_plan": ["ad_plan\x1fp1"],
    "campaign": ["campaign\x1fg1", "campaign\x1f\x1f"],
} | {name: [name.replace("/", "\x1f")] for name in NODE_NAMES[3:]}


class Event(NamedTuple):
    """A touch through a channel, or a payment where `channel` is None."""

    time_ms: int
    user: str
    channel: str | None = None

    @property
    def node(self) -> str:
        return next(node for node, channels in CHANNELS.items() if self.channel in channels)


Path = tuple[tuple[str, ...], bool]


def paths_by(events: Iterable[Event], upto_ms: int) -> list[Path]:
    """Every user's paths of the events before a moment, and whether each converted."""
    rank = {node: at for at, node in enumerate(NODE_NAMES)}
    paths: list[Path] = []
    seen = [event for event in events if event.time_ms < upto_ms]
    for user in {event.user for event in seen}:
        own = [event for event in seen if event.user == user]
        own.sort(key=lambda event: (event.time_ms, rank[event.node] if event.channel else len(rank)))
        visits: list[str] = []
        last_ms = 0
        for event in own:
            if visits and event.time_ms - last_ms > WINDOW_MS:
                paths.append((tuple(visits), False))
                visits = []
            if event.channel is None:
                if visits:
                    paths.append((tuple(visits), True))
                visits = []
            else:
                last_ms = event.time_ms
                if visits[-1:] != [event.node]:
                    visits.append(event.node)
        if visits:
            paths.append((tuple(visits), False))
    return paths


def end_of_day_ms(time_ms: int, timezone: str) -> int:
    zone = ZoneInfo(timezone)
    day = datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(zone).date()
    following = datetime.combine(day.fromordinal(day.toordinal() + 1), datetime.min.time(), zone)
    return round(following.timestamp() * 1000)


def numbered(paths: Iterable[Path]) -> list[tuple[tuple[int, ...], bool]]:
    number = {node: at for at, node in enumerate(NODE_NAMES, 1)}
    return [(tuple(number[node] for node in nodes), converted) for nodes, converted in paths]


def sets_by(paths: Iterable[Path]) -> Counter[int]:
    """How many converted paths had just the nodes of each set, as bits."""
    return Counter(sum(1 << node - 1 for node in set(nodes)) for nodes, won in numbered(paths) if won)


def batches(events: list[Event]) -> tuple[pa.RecordBatch, np.ndarray, np.ndarray]:
    """Touches, and who paid when, as `PathCounts` takes them."""
    touches = [event for event in events if event.channel is not None]
    paid = [event for event in events if event.channel is None]
    batch = pa.record_batch(
        {
            "event_time_ms": pa.array([event.time_ms for event in touches], pa.int64()),
            "user": hash_strings([event.user for event in touches]),
            "channel": pa.array([event.channel for event in touches], pa.string()).dictionary_encode(),
        }
    )
    users = hash_strings([event.user for event in paid])
    return batch, users, np.array([event.time_ms for event in paid], np.int64)
