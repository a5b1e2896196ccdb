"""Events of people whose ids are found wherever they are written, and every place that a job writes to, as bytes."""

import hashlib
import hmac
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from runners.embedded_redis import open_redis
from schemas.events import EVENT_SCHEMA
from schemas.keys import VERSION_BYTES

T0 = 1_781_800_000_000
MARK = "@people.example"
"""In every id of a person, and nowhere else."""
Event = dict[str, Any]


def person(number: int) -> str:
    return f"p{number:03}{MARK}"


def pseudonym(secret: str, user_id: str) -> str:
    return hmac.new(secret.encode(), user_id.encode(), hashlib.sha256).hexdigest()[:32]


def visits(count: int, seed: int, begin_ms: int = T0) -> list[Event]:
    """Return what people did within a day, in order of arrival: some of it twice, too late, changed, or against a rule."""
    draw = random.Random(seed)
    times = sorted(begin_ms + draw.randrange(86_400_000) for _ in range(count))
    events = [_event(draw, f"e{seed}-{at}", moment) for at, moment in enumerate(times)]
    arrivals = list[Event]()
    for at, event in enumerate(events):
        arrivals.append(event)
        if at % 40 == 39:
            arrivals.append(draw.choice(arrivals[-20:]))  # the same again, or the same id with another user
        if at % 97 == 96:
            arrivals.append(draw.choice(arrivals[-20:]) | {"user_id": person(draw.randrange(30))})
        if at % 101 == 100:
            late = event["event_time"] - 2 * 3_600_000
            arrivals.append(event | {"event_id": f"late{seed}-{at}", "event_time": late})
        if at % 89 == 88:
            arrivals.append(event | {"event_id": f"bad{seed}-{at}", "traffic_source": "hearsay"})
    return [_in_order(event) for event in arrivals]


def _event(draw: random.Random, event_id: str, moment: int) -> Event:
    here = {
        "event_id": event_id, "event_time": moment, "user_id": person(draw.randrange(30)),
        "room_id": f"r{draw.randrange(3)}", "session_id": "s1", "creator_id": "c1", "item_id": f"i{draw.randrange(6)}",
        "traffic_source": draw.choice(["recommend", "search", "coupon"]),
    }  # fmt: skip
    kind = draw.random()
    if kind < 0.5:
        return here | {"event_type": "view"}
    if kind < 0.8:
        return here | {"event_type": "click"}
    if kind < 0.85:
        return here | {"event_type": "follow", "item_id": None}
    line = {
        "order_id": f"o{draw.randrange(900)}",
        "quantity": 1,
        "amount_minor": draw.randrange(9000),
        "currency": "CNY",
    }
    return here | {"event_type": "order", "order_status": draw.choice(["paid", "paid", "refunded"]), **line}


def _in_order(event: Event) -> Event:
    return {name: event[name] for name in EVENT_SCHEMA.names if event.get(name) is not None}


def written(path: Path, events: list[Event], named: Callable[[str], str] = str) -> Path:
    """Write events as lines, users by another name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps(event | {"user_id": named(event["user_id"])}, separators=(",", ":")) for event in events
    ]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def places_with(home: Path, export: Path, *texts: str) -> set[str]:
    """Return which of Redis, the data directory and the export hold any of these texts."""
    needles = [text.encode() for text in texts]
    held = {"redis": _in_redis(home), "files": _in_files(home), "export": _in_export(export)}
    return {
        name for name, parts in held.items() if any(needle in part for part in parts for needle in needles)
    }


def _in_redis(home: Path) -> Iterator[bytes]:
    """Yield every key and all that stands under it; what is compressed, as it is read."""
    with open_redis(None, home) as store:
        client: Any = store.client
        for key in client.scan_iter():
            yield key
            kind = client.type(key)
            if kind == b"hash":
                for field, value in client.hgetall(key).items():
                    yield from (field, value, _unpacked(value))
            elif kind == b"zset":
                yield from client.zrange(key, 0, -1)
            elif kind == b"stream":
                yield repr(client.xrange(key)).encode()
            else:
                assert kind == b"string", kind
                yield client.get(key)


def _unpacked(value: bytes) -> bytes:
    try:
        return str(pa.ipc.open_stream(value[VERSION_BYTES:]).read_all().to_pylist()).encode()
    except (pa.ArrowException, OSError):
        return b""


def _in_files(home: Path) -> Iterator[bytes]:
    """Yield every file of the data directory, the append-only file of its Redis and checkpoints among them."""
    yield from (path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file())


def _in_export(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.glob("*.parquet")):
        yield repr(duckdb.sql(f"SELECT * FROM '{path}'").fetchall()).encode()
