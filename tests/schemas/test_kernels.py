"""Kernels that several processes compile at the same time are kept as what each of them is."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

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


FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
"""
"""No file may have a byte, as on a disk that is full."""


def started(folder: Path, kind: str, at_s: float, before: str = "") -> subprocess.Popen:
    paths = os.pathsep.join([str(folder), str(ROOT)])
    command = [sys.executable, "-c", before + USE, kind, str(at_s)]
    return subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True
    )


def hits(folder: Path, before: str = "") -> str:
    """Use the kernel in a process of its own; returns how often that found it compiled."""
    process = started(folder, TYPES[0], 0.0, before)
    said, _ = process.communicate()
    assert process.returncode == 0
    assert said.split()[0] == "2.5"
    return said.split()[1]


def test_signatures_compiled_at_once_are_not_taken_for_each_other(tmp_path: Path) -> None:
    (tmp_path / "shared_kernel.py").write_text(MODULE, encoding="utf-8")
    at_s = time.time() + 8.0
    for process in [started(tmp_path, kind, at_s) for kind in TYPES]:
        said, _ = process.communicate()
        assert process.returncode == 0
        assert said.split()[0] == "2.5"
    kept = list(tmp_path.rglob("*.nbc"))
    assert len(kept) == len(TYPES)
    # What the index lost to a process that wrote it at the same time is compiled once more, and then loaded.
    assert hits(tmp_path) in ("0", "1")
    assert hits(tmp_path) == "1"
    assert len(list(tmp_path.rglob("*.nbc"))) == len(TYPES)


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_a_file_that_was_left_short_is_written_again(tmp_path: Path, ending: str) -> None:
    (tmp_path / "shared_kernel.py").write_text(MODULE, encoding="utf-8")
    assert [hits(tmp_path), hits(tmp_path)] == ["0", "1"]
    [kept] = tmp_path.rglob(f"*.{ending}")
    kept.write_bytes(kept.read_bytes()[: kept.stat().st_size // 2])
    assert [hits(tmp_path), hits(tmp_path)] == ["0", "1"]


def test_where_nothing_can_be_written_it_is_compiled_each_time(tmp_path: Path) -> None:
    (tmp_path / "shared_kernel.py").write_text(MODULE, encoding="utf-8")
    assert [hits(tmp_path, FULL), hits(tmp_path, FULL)] == ["0", "0"]
    assert not list(tmp_path.rglob("*.nb?"))
