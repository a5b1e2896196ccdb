"""Measures the stream of changes with thousands of clients, some of which take nothing at all.

    python benchmarks/stream_clients.py --clients 2000 --stuck 50 --seconds 15

Publications are announced twenty times a second, as a live job does. Told is how long after its announcement a client
holds it (up to a quarter of a second of that is the server gathering others), over all clients, and the server's memory.
"""

import argparse
import asyncio
import json
import resource
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from measured import peak_mb
from served import serving

from runners.embedded_redis import open_redis
from schemas.changes import FIELD, KEPT, Changes
from schemas.keys import changes_key

EVERY_S: Final = 0.05
TOPICS: Final = (
    "",
    "?scope=platform&id=all",
    "?scope=room&id=sim-r000",
    "?scope=room&id=sim-r001",
    "?scope=item",
)


@dataclass
class Watched:
    """What one client saw: the last id, how many updates, how late each was."""

    last_id: str = ""
    updates: int = 0
    late_ms: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """What was measured."""

    clients: int
    stuck: int
    updated: int
    updates_a_second: float
    told_p50_ms: float
    told_p99_ms: float
    told_max_ms: float
    server_peak_mb: float | None
    server_cpu_s: float


async def watch(port: int, topic: str, seen: Watched) -> None:
    """Read one stream for ever."""
    reader, writer = await opened(port, topic)
    async for line in reader:
        if line.startswith(b"id: "):
            seen.last_id = line[4:].decode().strip()
            if seen.updates:
                seen.late_ms.append(time.time() * 1000 - int(seen.last_id.partition("-")[0]))
            seen.updates += 1
    writer.close()


async def opened(
    port: int, topic: str, window: int = 1 << 18
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask for a stream."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=window)
    writer.write(f"GET /v1/stream{topic} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    await writer.drain()
    return reader, writer


async def announce(client: Any, seconds: float) -> str:
    """Announce changes of every topic at an even rate; returns the last id."""
    end, last = time.monotonic() + seconds, b""
    while time.monotonic() < end:
        changes = Changes()
        for kind in ("platform", "room", "item"):
            changes.note(kind, "total", -1)
        last = client.xadd(changes_key("is"), {FIELD: changes.take()}, maxlen=KEPT, approximate=True)
        await asyncio.sleep(EVERY_S)
    return last.decode()


async def measured(port: int, client: Any, options: argparse.Namespace) -> tuple[list[Watched], str]:
    """Open all clients, announce, and wait until everybody was told of the last."""
    stuck = [await opened(port, "", 1) for _ in range(options.stuck)]
    seen = [Watched() for _ in range(options.clients)]
    tasks = []
    for number, each in enumerate(seen):
        tasks.append(asyncio.create_task(watch(port, TOPICS[number % len(TOPICS)], each)))
        if number % 100 == 99:
            await asyncio.sleep(0.05)
    while not all(each.updates for each in seen):
        await asyncio.sleep(0.1)
    last = await announce(client, options.seconds)
    deadline = time.monotonic() + 10
    while any(each.last_id != last for each in seen) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    for _, writer in stuck:
        writer.close()
    return seen, last


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=2000)
    parser.add_argument("--stuck", type=int, default=50, help="clients that read nothing (%(default)s)")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--data-dir", type=Path, default=Path("build/bench/serving"))
    options = parser.parse_args()
    data_dir = options.data_dir.resolve()
    with open_redis(None, data_dir) as store, serving(data_dir) as (server, port):
        seen, last = asyncio.run(measured(port, store.client, options))
        memory = peak_mb(server.pid)
    late = np.concatenate([np.array(each.late_ms) for each in seen])
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    outcome = Outcome(
        options.clients, options.stuck, sum(each.last_id == last for each in seen),
        round(float(np.mean([each.updates for each in seen])) / options.seconds, 2),
        *(round(float(value), 1) for value in (*np.percentile(late, [50, 99]), late.max())),
        memory, round(used.ru_utime + used.ru_stime, 1),
    )  # fmt: skip
    print(json.dumps(asdict(outcome), indent=2))


if __name__ == "__main__":
    main()
