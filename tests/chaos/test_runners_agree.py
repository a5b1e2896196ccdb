"""The same events on every runner, at every parallelism: the same export, judged by `certify`."""

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from form import Form
from lab import Lab
from live import assert_same
from running import exported

pytestmark = [pytest.mark.chaos, pytest.mark.flink]

ON_FLINK = (1, 2, 4)


@pytest.mark.prism
def test_every_pair_is_certified(
    cluster: Lab, undisturbed: Callable, size: Form, saw: Callable[..., None], tmp_path: Path
) -> None:
    wanted = undisturbed(size.batch_events)
    runs = {f"Flink, parallelism {number}": ("FlinkRunner", f"--parallelism={number}") for number in ON_FLINK}
    exports, seconds = {"Direct": wanted.export}, {}
    for name, (runner, *options) in ({"Prism": ("PrismRunner",)} | runs).items():
        home, began = tmp_path / name.replace(" ", ""), time.monotonic()
        words = ("replay", wanted.file, "--data-dir", home, "--runner", runner, "--json", "--no-recommender")
        report = json.loads(cluster.command(*words, *options).stdout)
        seconds[name] = round(time.monotonic() - began, 1)
        assert report["events"] == len(wanted.lines), name
        exports[name] = exported(home)
    for one, other in itertools.combinations(exports, 2):
        assert_same(exports[one], exports[other])
    saw("runners agree", events=len(wanted.lines), runs=list(exports), seconds=seconds)
