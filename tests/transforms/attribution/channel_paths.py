"""10,000 public channel paths with reference results of the package ChannelAttribution, where they are at hand.

They state no licence, so they are not in this repository: `INTERESTREAM_TEST_DATA` names the folder that holds them
in `channelattribution/`.
"""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from transforms.attribution.markov import PathCount

_FOLDER = Path(os.environ.get("INTERESTREAM_TEST_DATA", "")) / "channelattribution"
needs_paths = pytest.mark.skipif(
    not (_FOLDER / "PathData.csv").is_file(),
    reason="INTERESTREAM_TEST_DATA names no folder with channelattribution/PathData.csv",
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
