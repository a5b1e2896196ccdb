"""Prequential quality of the blend beside popularity and plain sequential rules, on real logs, in one run.

    python benchmarks/recommender_quality.py [--only NAME] [--half last|all] [--ablate] [--model-shards N,N] [--json]

Choices were made on the first halves of the first two logs; `--half last` reports the other ones. ml100k
follows stream-recommender's protocol: five stars are positives, the first fifth of them is learned without
a question, and what a user has rated is never a candidate again.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from online_models.events import BATCH_SCHEMA, CLICK
from online_models.prequential import ablations, default_models, evaluate
from online_models.sharded_evaluation import sharded_models

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

UNASKED = 0.2
"""The share of the films that is learned before the first question."""


def sessions_as_users(session: pa.Array, item: pa.Array, time_ms: pa.Array) -> pa.Table:
    """Click events whose users are the sessions; event ids are the rows' numbers."""
    rows = len(session)
    event_id = pc.utf8_lpad(pa.array(range(rows)).cast(pa.string()), 12, "0")
    columns = [time_ms, event_id, session, item, session, pa.array([CLICK] * rows, pa.int8())]
    return pa.table(columns, schema=BATCH_SCHEMA)


def yoochoose() -> pa.Table:
    """One week of a shop's clicks (RecSys Challenge 2015)."""
    table = csv.read_csv(
        DATA / "yoochoose" / "clicks_first_week.tsv.gz", parse_options=csv.ParseOptions(delimiter="\t")
    )
    time_ms = pc.round(pc.multiply(table["Time"], 1000.0)).cast(pa.int64())
    return sessions_as_users(table["SessionId"].cast(pa.string()), table["ItemId"].cast(pa.string()), time_ms)


def globo(rows: int = 437_746) -> pa.Table:
    """The first rows of a news site's clicks (Globo.com)."""
    table = csv.read_csv(DATA / "globo" / "clicks_hours_000-095.csv.gz").slice(0, rows)
    session, item = (table[name].cast(pa.string()) for name in ("session_id", "click_article_id"))
    return sessions_as_users(session, item, table["click_timestamp"].cast(pa.int64()))


def ml100k() -> pa.Table:
    """Ratings of five stars (MovieLens 100k), of which each is a positive; users are users."""
    table = csv.read_csv(DATA / "ml100k" / "ml-100k.inter", parse_options=csv.ParseOptions(delimiter="\t"))
    table = table.filter(pc.equal(table["rating:float"], 5.0))
    user, item = (table[name].cast(pa.string()) for name in ("user_id:token", "item_id:token"))
    log = sessions_as_users(user, item, pc.multiply(table["timestamp:float"].cast(pa.int64()), 1000))
    return log.set_column(4, "session_id", pa.nulls(len(log), pa.string()))


def main() -> None:
    """Prints one table a data set, or one JSON object of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--half", choices=("all", "last"), default="all", help="which predictions count")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument("--globo-rows", type=int, default=437_746, help="rows of the news log to read")
    parser.add_argument("--only", choices=("yoochoose", "globo", "ml100k"), help="one log instead of all")
    parser.add_argument("--ablate", action="store_true", help="also without each part, and each part alone")
    parser.add_argument("--model-shards", default="", help="also users split over so many learners: 2,4,8")
    options = parser.parse_args()
    logs = {"yoochoose": yoochoose, "globo": lambda: globo(options.globo_rows), "ml100k": ml100k}
    results = {}
    for name in [options.only] if options.only else logs:
        once = name == "ml100k"
        models = {**default_models(once), **(ablations() if options.ablate else {})}
        if counts := [int(each) for each in options.model_shards.split(",") if each]:
            models |= sharded_models(counts, time.process_time)
        log, started = logs[name](), time.perf_counter()
        results[name] = evaluate(
            log, models, options.half == "last", once=once, unasked=UNASKED if once else 0.0
        )
        if not options.json:
            result, seconds = results[name], time.perf_counter() - started
            print(f"{name}: {result.events:,} events, {result.predictions:,} predictions, {seconds:.1f} s")
            for model, figures in result.models.items():
                print(f"  {model:22}" + "  ".join(f"{key} {value:.4f}" for key, value in figures.items()))
    if options.json:
        print(json.dumps({name: result.as_dict() for name, result in results.items()}))


if __name__ == "__main__":
    main()
