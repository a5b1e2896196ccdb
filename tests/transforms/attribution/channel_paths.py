"""10,000 public channel paths with reference results of the package ChannelAttribution, where they are at hand.

They state no licence, so they are read from beside this checkout and skipped, saying so, where they are absent.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from transforms.attribution.markov import PathCount

_FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "channelattribution"
needs_paths = pytest.mark.skipif(
    not (_FOLDER / "PathData.csv").is_file(),
    reason="the real data set channelattribution is not beside this checkout (../shared/data/channelattribution)",
)
REFERENCE_NOISE = 0.031
"""The convergence that the reference states of its own simulation."""


class Paths(NamedTuple):
    """The paths, with channels numbered as the reference numbers them."""

    names: list[str]
    counts: list[PathCount]


def rows(name: str) -> Iterator[dict[str, str]]:
    with (_FOLDER / name).open(newline="") as file:
        yield from csv.DictReader(file)


def read_paths() -> Paths:
    names = [row["channel_name"] for row in rows("ref_heuristic.csv")]
    number = {name: n for n, name in enumerate(names, 1)}
    counts = [
        (
            [number[channel] for channel in row["path"].split(" > ")],
            float(row["total_conversions"]),
            float(row["total_conversion_value"]),
            float(row["total_null"]),
        )
        for row in rows("PathData.csv")
    ]
    return Paths(names, counts)
