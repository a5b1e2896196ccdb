"""`interestream simulate` from outside."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

ROOT = Path(__file__).parents[2]


def interestream(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "runners.cli.app", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_it_says_what_it_made_and_that_it_is_synthetic(tmp_path: Path) -> None:
    done = interestream("simulate", "--out", tmp_path / "made", "--events", 2000, "--seed", 3)
    assert done.returncode == 0, done.stderr
    assert "Synthetic live commerce" in done.stdout
    assert "None of it is real" in done.stderr
    assert {path.name for path in (tmp_path / "made").iterdir()} == {
        "events", "dims", "truth", "manifest.json", "SYNTHETIC.md",
    }  # fmt: skip


def test_its_options_are_what_is_simulated(tmp_path: Path) -> None:
    done = interestream(
        "simulate", "--out", tmp_path / "made", "--events", 3000, "--evenings", 2, "--rooms", 5, "--users", 300,
        "--items", 110, "--seed", 9, "--start", "2026-11-11T20:00+08:00", "--format", "parquet", "--late", 0.1,
        "--duplicates", 0.05, "--broken", 0.01, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["synthetic"] is True
    assert told["parameters"] == {
        "evenings": 2, "rooms": 5, "users": 300, "items": 110, "events": 3000, "seed": 9,
        "start_ms": 1_794_398_400_000, "late": 0.1, "duplicates": 0.05, "broken": 0.01, "format": "parquet",
    }  # fmt: skip
    files = sorted(path.name for path in (tmp_path / "made" / "events").iterdir())
    assert files == ["events-000.parquet", "events-001.parquet"]
    assert pq.read_table(tmp_path / "made" / "dims" / "items.parquet").num_rows == 110


def test_what_cannot_be_simulated_is_bad_usage(tmp_path: Path) -> None:
    done = interestream("simulate", "--out", tmp_path / "made", "--rooms", 1)
    assert done.returncode == 2
    assert "--rooms is a whole number from 4" in done.stderr
    assert not (tmp_path / "made").exists()
