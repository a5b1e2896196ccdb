"""What is loaded before the first event is all that events need: a kernel met later would hold figures up."""

import json
import os
import subprocess
import sys
from pathlib import Path

from dense_events import write_dense

ROOT = Path(__file__).resolve().parents[2]
_REPLAY = """
import gc, json, sys
from numba.core.dispatcher import Dispatcher
from pipelines import warm_up as warming
from runners.cli.app import app

def compiled():
    kernels = [each for each in gc.get_objects() if isinstance(each, Dispatcher)]
    return {f"{each.__module__}.{each.__name__}{types}" for each in kernels for types in each.signatures}

real, before = warming.warm_up, set()
def warm_up(*arguments):
    real(*arguments)
    before.update(compiled())
warming.warm_up = warm_up
try:
    app(sys.argv[2:])
finally:
    with open(sys.argv[1], "w") as file:
        met = [each for each in compiled() - before if each.startswith(("schemas", "transforms"))]
        json.dump([len(before), sorted(met)], file)
"""


def test_no_kernel_is_met_for_the_first_time_while_events_wait(tmp_path: Path) -> None:
    source, found = write_dense(tmp_path / "events.jsonl", 6_000, seed=1), tmp_path / "found.json"
    arguments = ["replay", str(source), "--data-dir", str(tmp_path / "data"), "--batch-rows", "500"]
    subprocess.run(
        [sys.executable, "-c", _REPLAY, found, *arguments], cwd=ROOT, check=True, capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    known, late = json.loads(found.read_text())
    assert known > 30
    assert late == []
