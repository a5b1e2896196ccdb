"""Makes the sample that ships with the demo: one month of UCI Online Retail (CC BY 4.0) as events.

    interestream import online-retail PATH --out imported
    python benchmarks/demo_sample.py imported --out runners/demo_data

PATH is the data set as published; `imported` the importer's output. Writes the month's events as
`online_retail_2011_11.parquet`, in the importer's order and under its event ids, and its items dimension as
`dims/items.parquet`. The same input gives the same bytes.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

FIRST: Final = datetime(2011, 11, 1, tzinfo=UTC)
END: Final = datetime(2011, 12, 1, tzinfo=UTC)
SAMPLE: Final = "online_retail_2011_11.parquet"


def month_of(imported: Path) -> pa.Table:
    """Read the month's events of an import."""
    files = sorted(str(path) for path in imported.glob("events-*.parquet"))
    within = (ds.field("event_time") >= FIRST) & (ds.field("event_time") < END)
    return ds.dataset(files).to_table(filter=within)


def main() -> None:
    """Write the sample and the items that it names."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("imported", type=Path, help="what `interestream import online-retail` wrote")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    events = month_of(options.imported)
    items = pq.read_table(options.imported / "dims" / "items.parquet")
    (options.out / "dims").mkdir(parents=True, exist_ok=True)
    pq.write_table(events, options.out / SAMPLE, compression="zstd", compression_level=19)
    named = items.filter(pc.is_in(items["item_id"], pc.unique(events["item_id"])))
    pq.write_table(named, options.out / "dims" / "items.parquet", compression="zstd", compression_level=19)
    print(f"{events.num_rows} events, {named.num_rows} items in {options.out}")


if __name__ == "__main__":
    main()
