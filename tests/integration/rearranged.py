"""The same events another way: in another order, twice, in other files and formats."""

import gzip
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from schemas.events import EVENT_SCHEMA

Lines = list[bytes]


def with_refused(lines: Lines) -> Lines:
    """Put events that keep no law among the others; written as any format gives them back."""
    mended = []
    for number, line in enumerate(lines):
        mended.append(line)
        if number % 400 == 7:
            bad = {"event_id": f"bad{number}", "event_type": "order", "event_time": json.loads(line)["event_time"],
                   "user_id": "u", "item_id": "i", "order_id": "o", "quantity": 1, "amount_minor": -number,
                   "currency": "CNY", "order_status": "paid"}  # fmt: skip
            mended.append(json.dumps(bad, separators=(",", ":")).encode() + b"\n")
    return mended


def shuffled(lines: Lines, within_ms: int, seed: int) -> Lines:
    """Let each event arrive up to so much later than it happened."""
    draw = random.Random(seed)
    return sorted(lines, key=lambda line: _time_ms(line) + draw.randrange(within_ms))


def _time_ms(line: bytes) -> int:
    time_ms: int = json.loads(line)["event_time"]
    return time_ms


def doubled(lines: Lines) -> Lines:
    """Send each event twice, the second time some while later."""
    ahead = lines[:300]
    return ahead + [line for pair in zip(lines[300:] + ahead, lines, strict=True) for line in pair]


def plain(lines: Lines, folder: Path) -> None:
    (folder / "events.jsonl").write_bytes(b"".join(lines))


def gzipped(lines: Lines, folder: Path) -> None:
    """Write two members, one after another, as one gets by appending."""
    half = len(lines) // 2
    parts = (b"".join(lines[:half]), b"".join(lines[half:]))
    (folder / "events.jsonl.gz").write_bytes(b"".join(map(gzip.compress, parts)))


def zstandardised(lines: Lines, folder: Path) -> None:
    half = len(lines) // 2
    parts = (b"".join(lines[:half]), b"".join(lines[half:]))
    (folder / "events.jsonl.zst").write_bytes(b"".join(map(zstandard.compress, parts)))


def table_of(lines: Lines) -> pa.Table:
    rows = [json.loads(line) for line in lines]
    columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in EVENT_SCHEMA]
    return pa.Table.from_arrays(columns, schema=EVENT_SCHEMA)


def parquet(lines: Lines, folder: Path) -> None:
    pq.write_table(table_of(lines), folder / "events.parquet", row_group_size=5000)


def arrow_file(lines: Lines, folder: Path) -> None:
    table = table_of(lines)
    with pa.ipc.new_file(folder / "events.arrow", table.schema) as file:
        file.write_table(table, max_chunksize=700)


def split_backwards(lines: Lines, folder: Path) -> None:
    """Write five files whose names stand in the opposite order of their events."""
    for number, part in enumerate(_parts(lines, 5)):
        (folder / f"{9 - number}.jsonl").write_bytes(b"".join(part))


def split_in_turn(lines: Lines, folder: Path) -> None:
    """Deal the events out to three files of three formats, as partitions of a topic would be."""
    hands: Sequence[Callable[[Lines, Path], None]] = (gzipped, parquet, plain)
    for number, hand in enumerate(hands):
        (folder / str(number)).mkdir()
        hand(lines[number::3], folder / str(number))


def _parts(lines: Lines, count: int) -> list[Lines]:
    size = -(-len(lines) // count)
    return [lines[begin : begin + size] for begin in range(0, len(lines), size)]
