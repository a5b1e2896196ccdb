"""The credit book over 10,000 public paths gives each channel what the package ChannelAttribution gives it."""

import numpy as np
import pyarrow as pa
import pytest
from attribution_law import DAY
from channel_paths import Paths, needs_paths, read_paths, rows

from schemas.keys import US
from schemas.metrics import MODELS
from transforms.attribution.book import CreditBook

T0 = 1_767_225_600_000
UNITS = 10**9
"""Money is whole units, so a conversion is worth many of them: what rounding moves then does not show."""
REFERENCES = {"first_touch": "first_touch", "last_touch": "last_touch", "linear": "linear_touch"}


def credited(paths: Paths, amounts: list[float]) -> dict[tuple[str, str], float]:
    """Credit by model and channel, where path `n` is what user `n` touched before one paid line."""
    book = CreditBook(DAY)
    sizes = [len(count[0]) for count in paths.counts]
    touched = [paths.names[channel - 1] for count in paths.counts for channel in count[0]]
    users = np.arange(1, len(sizes) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    book.absorb_touches(pa.record_batch({
        "event_id": [f"{n:06}" for n in range(len(touched))],
        "event_time_ms": pa.array([T0 + at for size in sizes for at in range(size)]),
        "user": np.repeat(users, sizes),
        "place": np.ones(len(touched), np.uint64),
        "merchant": np.zeros(len(touched), np.uint64),
        "channel": pa.array([f"campaign{US}{name}" for name in touched]).dictionary_encode(),
        "click": np.ones(len(touched), np.uint8),
    }))  # fmt: skip
    book.absorb_lines(pa.record_batch({
        "line": users, "order_id": [f"o{n}" for n in range(len(sizes))], "item_id": ["i"] * len(sizes),
        "user": users, "room": np.ones(len(sizes), np.uint64), "merchant": np.zeros(len(sizes), np.uint64),
        "pay_time_ms": np.full(len(sizes), T0 + 10_000), "net_minor": [round(a * UNITS) for a in amounts],
        "micro_orders": np.full(len(sizes), 10**6),
    }))  # fmt: skip
    out: dict[tuple[str, str], float] = {}
    for row in book.settle()[0].to_pylist():
        key = MODELS[row["group"]], row["id"].split(US)[1]
        out[key] = out.get(key, 0) + row["a"][0] / UNITS
    return out


@needs_paths
@pytest.mark.parametrize(("column", "at"), [("conversions", 1), ("value", 2)])
def test_every_channel_gets_what_the_reference_gives_it(column, at):
    paths = read_paths()
    ours = credited(paths, [float(count[at]) for count in paths.counts])
    for model in REFERENCES.keys() & set(MODELS):
        theirs = {
            row["channel_name"]: float(row[f"{REFERENCES[model]}_{column}"])
            for row in rows("ref_heuristic.csv")
        }
        assert {name: ours[model, name] for name in theirs} == pytest.approx(theirs, rel=1e-9, abs=1e-5)
