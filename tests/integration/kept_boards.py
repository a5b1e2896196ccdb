"""The leaderboards that stand in Redis, as rows of the exported table."""

from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

Place = tuple[str, str, str, int, int, str, int]
"""Scope, metric, window, start (-1 for `total`), rank, id, value."""


def kept_boards(client: Any) -> list[Place]:
    """Read every board's sorted set, whatever the program's readers do."""
    places: list[Place] = []
    for key in sorted(client.scan_iter(match="is:{b:*", count=1000)):
        name, _, metric = key.decode().rpartition(":")
        scope, window, start = name.strip("}").split(":")[-3:]
        scored = [
            (identifier.decode(), int(score))
            for identifier, score in client.zrange(key, 0, -1, withscores=True)
        ]
        ranked = sorted(scored, key=lambda place: (-place[1], place[0]))
        places += [
            (scope, metric, window, int(start), rank, *place) for rank, place in enumerate(ranked, start=1)
        ]
    return sorted(places)


def exported_boards(folder: Path) -> list[Place]:
    """Read the places of an export."""
    table = pq.read_table(folder / "leaderboards.parquet")
    starts = pc.fill_null(table["window_start"].cast("int64"), -1)
    columns = [table[name] for name in ("scope", "metric", "window")] + [starts]
    columns += [table[name] for name in ("rank", "id", "value")]
    return sorted(zip(*(column.to_pylist() for column in columns), strict=True))
