"""Measures how fast the recommender learns, how fast it predicts and learns, and whether its memory stays.

    python benchmarks/learning_speed.py --events 1000000 --cache build/bench
    python benchmarks/learning_speed.py --churn 10000000

The first learns the interactions of a generated log as the learner of a job does, live rooms included, and then once
more with the best twenty items before each click. Times are of one core's CPU, without compiling and reading. The
second learns so many events over 150 days in which new items come every day and every user stays for one: ids
expire and their rows are used again, so memory of the second half should be that of the first.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
import pyarrow as pa
from measured import generated

from online_models.events import CLICK, ROOM_SCHEMA
from online_models.live_rooms import LiveRooms
from online_models.mix import Mix
from online_models.recommender import Recommender
from runners.interaction_log import read_interactions

ROWS: Final = 16_384
BEST: Final = 20
DAYS: Final = 150
DAY_MS: Final = 86_400_000
ITEMS_A_DAY: Final = 500
USERS_A_DAY: Final = 20_000
PUBLISHED: Final = 1_000


def main() -> None:
    """Measure what was asked for and print it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000, help="events of the generated log")
    parser.add_argument("--rate", type=float, default=1_000.0, help="how many of them happen in a second")
    parser.add_argument(
        "--cache", type=Path, default=Path("build/bench"), help="where generated logs are kept"
    )
    parser.add_argument("--rounds", type=int, default=3, help="the least of so many rounds counts")
    parser.add_argument(
        "--churn", type=int, metavar="N", help="instead: learn N events whose ids come and go"
    )
    given = parser.parse_args()
    told = churning(given.churn) if given.churn else speeds(given)
    print(json.dumps(told, indent=2))


def speeds(given: argparse.Namespace) -> dict[str, Any]:
    """Learn the log's interactions in each way."""
    log, _ = read_interactions([generated(given.cache, given.events, given.rate, 1)], "CNY")
    log = log.sort_by([("event_time_ms", "ascending"), ("event_id", "ascending")])
    batches = log.combine_chunks().to_batches(max_chunksize=ROWS)
    clicks = int((log["kind"].to_numpy() == CLICK).sum())
    learns(batches[:1])
    model_s, rooms_s = (
        min(each) for each in zip(*(learns(batches) for _ in range(given.rounds)), strict=True)
    )
    ranks(batches[:1])
    ranked_s = min(ranks(batches) for _ in range(given.rounds))
    return {
        "interactions": len(log),
        "clicks": clicks,
        "learned_per_s": round(len(log) / (model_s + rooms_s)),
        "us_an_event": {"items": micros(model_s, len(log)), "live rooms": micros(rooms_s, len(log))},
        "clicks_ranked_and_learned_per_s": round(clicks / ranked_s),
        "events_with_every_click_ranked_per_s": round(len(log) / ranked_s),
    }


def learns(batches: list[pa.RecordBatch]) -> tuple[float, float]:
    """Learn as a job does; returns the CPU seconds of the recommender, and of live rooms."""
    model, rooms, spent = Recommender(), LiveRooms(), [0.0, 0.0]
    for batch in batches:
        for place, learner in enumerate((model, rooms)):
            began = time.process_time()
            learner.learn_many(batch)
            spent[place] += time.process_time() - began
    return spent[0], spent[1]


def ranks(batches: list[pa.RecordBatch]) -> float:
    """Rank the best twenty before each click, then learn it; returns the CPU seconds."""
    model = Mix(rank_all=True)
    began = time.process_time()
    for batch in batches:
        model.learn_ranked(model.read(batch), BEST)
    return time.process_time() - began


def micros(seconds: float, events: int) -> float:
    """Return the microseconds of one event."""
    return round(seconds * 1e6 / events, 2)


def churning(events: int) -> dict[str, Any]:
    """Learn events whose ids come and go, and look at what the process holds."""
    model, rooms, held, process = Recommender(), LiveRooms(), [], psutil.Process()
    for day, batch in enumerate(days(events // DAYS)):
        for learner in (model, rooms):
            learner.learn_many(batch)
            # What a job does every few seconds: ids that are gone are told, and are not remembered any more.
            learner.take_updates(PUBLISHED)
        if (day + 1) % (DAYS // 10) == 0:
            held.append(
                {
                    "events": batch.num_rows * (day + 1),
                    "rss_mb": round(process.memory_info().rss / 2**20),
                    "items": model.mix._items.alive,
                    "users": model.mix._users.alive,
                }
            )
    return {"held": held}


def days(rows: int) -> Iterator[pa.RecordBatch]:
    """Yield a day's events at a time: items of the day before and of this one, users of this one alone."""
    draw = np.random.default_rng(1)
    for day in range(DAYS):
        times_ms = day * DAY_MS + np.sort(draw.integers(0, DAY_MS, rows))
        items = day * ITEMS_A_DAY + draw.integers(0, 2 * ITEMS_A_DAY, rows)
        users = day * USERS_A_DAY + draw.integers(0, USERS_A_DAY, rows)
        kinds = (draw.random(rows) < 0.25).astype(np.int8)
        columns = {
            "event_time_ms": times_ms,
            "event_id": [f"{day}-{row}" for row in range(rows)],
            "user_id": [f"u{user}" for user in users.tolist()],
            "item_id": [f"i{item}" for item in items.tolist()],
            "session_id": [None] * rows,
            "kind": kinds,
            "room_id": [f"r{user % 50}" for user in users.tolist()],
        }
        yield pa.RecordBatch.from_pydict(columns, schema=ROOM_SCHEMA)


if __name__ == "__main__":
    main()
