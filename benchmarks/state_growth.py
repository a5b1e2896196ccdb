"""Shows that state is bounded by the horizons: the size of every step's state at the end of each day of event time.

    python benchmarks/state_growth.py --days 30 --rate 0.2

Generated events at a low, even rate go through the steps in this process, published nowhere, with horizons that are
all passed within the first third of the days. Sizes are those of the pickled state, as a checkpoint writes it; RSS is
that of this process. Totals of new ids, and ids that are kept for ever, are what may still grow.
"""

import argparse
import json
import pickle
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from measured import generated
from rich.console import Console
from rich.table import Table

from pipelines import live_room
from pipelines.options import DAY_MS, LiveRoomOptions
from pipelines.warm_up import Nowhere
from schemas.codecs.jsonl import decode_jsonl
from schemas.gate import compile_gate
from transforms import checkpoints
from transforms.checkpoints import Checkpoints
from transforms.intake import Intake, TimeBounds
from transforms.pieces import BEFORE_ALL_MS, IDLE, Piece, Progress

JOB: Final = "growth"
DAY_S: Final = 86_400
ROWS: Final = 2_000
FOLLOWS: Final = {
    "Dedup": ("new", "Orders"),
    "Orders": ("lines", "Attribute"),
    "Attribute": ("figures", "Figures"),
}


@dataclass
class Day:
    """The state's bytes by step, after a day."""

    day: int
    events: int
    bytes: dict[str, int]
    rss_mb: float


def options() -> LiveRoomOptions:
    """Return horizons that are short beside the days: refunds 3 days, ids 1 day, lateness 1 hour."""
    return LiveRoomOptions(
        Nowhere, bounds=TimeBounds(), order_horizon_ms=3 * DAY_MS,
        recommender=False, publish_every_s=0.0, publish_boards_every_s=0.0, publish_credits_every_s=0.0, job=JOB,
    )  # fmt: skip


def steps(told: LiveRoomOptions) -> dict[str, Any]:
    """Return one shard of every step."""
    return {
        "Dedup": live_room._dedup(told, 0), "Orders": live_room._orders(told, 0),
        "Attribute": live_room._attribute(told, 0), "Figures": live_room._figures(told, 0),
    }  # fmt: skip


def through(shards: dict[str, Any], piece: Piece, step: str = "Dedup") -> None:
    """Carry a piece through a step and those that follow, each of which publishes; what it archives goes elsewhere."""
    output, following = FOLLOWS.get(step, ("", ""))
    for tag, (_, sent) in shards[step].absorb(piece):
        if tag == output:
            through(shards, sent, following)
    outlet = shards[step].outlet()
    if outlet is not None:
        outlet.finals.take()


def days(path: Path) -> Iterator[Day]:
    """Yield how large everything is, each time that the watermark has passed a day."""
    told = options()
    intake, shards = Intake(compile_gate(), told.bounds), steps(told)
    highest, events, number = BEFORE_ALL_MS, 0, 0
    begin: int | None = None
    for sequence, lines in enumerate(blocks(path), start=1):
        taken = intake.take(decode_jsonl(lines), highest)
        highest = taken.highest_ms
        watermark = highest - told.bounds.max_out_of_orderness_ms
        through(shards, Piece(Progress(0, 1, sequence, watermark), (taken.admitted,), IDLE))
        events += taken.admitted.num_rows
        begin = watermark if begin is None else begin
        if watermark >= begin + (number + 1) * DAY_MS:
            number += 1
            sizes = {name: len(pickle.dumps(shard.state(), protocol=5)) for name, shard in shards.items()}
            yield Day(number, events, sizes, round(rss_mb(), 1))


def blocks(path: Path) -> Iterator[bytes]:
    """Yield the file's lines, a bounded number at a time."""
    with path.open("rb") as file:
        while lines := b"".join(line for line, _ in zip(file, range(ROWS), strict=False)):
            yield lines


def rss_mb() -> float:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main() -> None:
    """Generate, carry through, and print one line a day."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--days", type=int, default=30, help="days of event time (%(default)s)")
    parser.add_argument("--rate", type=float, default=0.2, help="events a second of event time (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--cache", type=Path, default=Path("build/bench"), help="keeps generated events (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    asked = parser.parse_args()
    count = int((asked.days + 0.1) * DAY_S * asked.rate)
    path = generated(asked.cache.resolve(), count, asked.rate, asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        checkpoints.activate(JOB, Checkpoints(Path(folder), JOB))
        found = []
        for day in days(path):
            found.append(day)
            print(f"day {day.day}: {day.bytes}, {day.rss_mb} MB", file=sys.stderr)
    if asked.json:
        print(json.dumps([vars(day) for day in found], indent=2))
        return
    table = Table("day", "events", *(f"{name}, kB" for name in found[0].bytes), "RSS, MB")
    for day in found:
        sizes = [f"{size / 1000:,.0f}" for size in day.bytes.values()]
        table.add_row(str(day.day), f"{day.events:,}", *sizes, f"{day.rss_mb:,.0f}")
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
