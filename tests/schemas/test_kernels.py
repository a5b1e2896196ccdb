"""Kernels that several processes compile at the same time are kept as what each of them is."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULE = """
from schemas.kernels import kernel

@kernel
def halved(number):
    return number / 2
"""
USE = """
import sys, time
import numpy as np
from shared_kernel import halved
number = getattr(np, sys.argv[1])(5)
time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
print(halved(number), sum(halved.stats.cache_hits.values()))
"""
TYPES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "float32", "float64")


def started(folder: Path, kind: str, at_s: float) -> subprocess.Popen:
    paths = os.pathsep.join([str(folder), str(ROOT)])
    command = [sys.executable, "-c", USE, kind, str(at_s)]
    return subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True
    )


def test_signatures_compiled_at_once_are_not_taken_for_each_other(tmp_path: Path) -> None:
    (tmp_path / "shared_kernel.py").write_text(MODULE, encoding="utf-8")
    at_s = time.time() + 8.0
    for process in [started(tmp_path, kind, at_s) for kind in TYPES]:
        said, _ = process.communicate()
        assert process.returncode == 0
        assert said.split()[0] == "2.5"
    kept = list(tmp_path.rglob("*.nbc"))
    assert len(kept) == len(TYPES)
    # What the index lost to a process that wrote it at the same time is compiled again, the rest is loaded.
    for kind in TYPES:
        said, _ = started(tmp_path, kind, 0.0).communicate()
        assert said.split()[0] == "2.5"
    assert len(list(tmp_path.rglob("*.nbc"))) == len(TYPES)
    said, _ = started(tmp_path, TYPES[0], 0.0).communicate()
    assert said.split() == ["2.5", "1"]
