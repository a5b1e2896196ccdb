"""How fast the recommender learns and predicts, and what it holds while ids come and go.

    python benchmarks/recommender_speed.py [--events 2000000] [--json]

Synthetic: sessions of about ten events, of which a tenth are clicks; every user and item stays for some hours of event
time and is then replaced, so that far more ids pass than are alive. `learn` is `learn_many` as the pipeline calls it,
`learn_seldom` the same with a gate that learns from one click in 16, `prequential` every click predicted first.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from online_models.events import ROOM_SCHEMA
from online_models.mix import Mix
from online_models.prequential import blend, evaluate
from online_models.recommender import Recommender

BATCH = 20_000
GAP_MS = 40
ALIVE_USERS, ALIVE_ITEMS, ROOMS = 20_000, 2_000, 50
CHURN_MS = 6 * 3_600_000


def stream(events: int, seed: int = 1) -> Iterator[pa.RecordBatch]:
    """The events, a batch at a time."""
    rng = np.random.default_rng(seed)
    for start in range(0, events, BATCH):
        count = min(BATCH, events - start)
        number = np.arange(start, start + count)
        times = number * GAP_MS
        age = times // CHURN_MS
        user = age * ALIVE_USERS + (number // 10 * 7_919) % ALIVE_USERS
        step = (user * 31 + number % 10) % ALIVE_ITEMS
        item = age * ALIVE_ITEMS + np.where(rng.random(count) < 0.5, step, rng.zipf(1.3, count) % ALIVE_ITEMS)
        kind = np.where(rng.random(count) < 0.1, 1, 0) + (rng.random(count) < 0.005)
        columns = [
            pa.array(times), named("e", number), named("u", user), named("i", item), pa.nulls(count, pa.string()),
            pa.array(kind.astype(np.int8)), named("r", user % ROOMS),
        ]  # fmt: skip
        yield pa.RecordBatch.from_arrays(columns, schema=ROOM_SCHEMA)


def named(prefix: str, numbers: np.ndarray) -> pa.Array:
    """Ids as text, which sort as their numbers do."""
    return pa.array(np.char.add(prefix, np.char.zfill(numbers.astype(str), 10)))


def learned(model: Recommender, batches: list[pa.RecordBatch]) -> float:
    """Events a second."""
    started = time.process_time()
    for batch in batches:
        model.learn_many(batch)
    return sum(batch.num_rows for batch in batches) / (time.process_time() - started)


def main() -> None:
    """Prints one line a figure, or one JSON object; times are those of this process on one core."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--events", type=int, default=2_000_000, help="events that the memory is looked at over"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    Recommender().learn_many(next(stream(2_000)))
    first = list(stream(min(options.events, 400_000)))
    told: dict[str, float] = {"learn_seldom": learned(Recommender(Mix(learn_every=16)), first)}
    model, rates = Recommender(), []
    sizes = []
    for place, batch in enumerate(stream(options.events)):
        rates.append(learned(model, [batch]))
        if place % 25 == 24:
            sizes.append(
                {
                    "events": (place + 1) * BATCH,
                    "alive": len(model.mix._users),
                    "bytes": len(model.to_bytes()),
                }
            )
    told["learn"] = len(rates) / sum(1.0 / rate for rate in rates)
    table = pa.Table.from_batches(first[:5])
    started = time.process_time()
    result = evaluate(table, {"interestream": blend()})
    told["prequential_events"] = len(table) / (time.process_time() - started)
    told["prequential_predictions"] = result.predictions / (time.process_time() - started)
    told["resident_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if options.json:
        print(json.dumps(told | {"sizes": sizes}))
        return
    for name, value in told.items():
        print(f"{name:26} {value:14,.1f}")
    for size in sizes:
        print(
            f"after {size['events']:12,} events: {size['alive']:,} rows of users, {size['bytes'] / 2**20:,.1f} MiB"
        )


if __name__ == "__main__":
    main()
