"""The same events in any order, batches, files and formats give the same export, byte for byte."""

from collections.abc import Callable
from pathlib import Path

import pytest
from dense_events import write_dense
from rearranged import (
    Lines,
    arrow_file,
    doubled,
    gzipped,
    parquet,
    plain,
    shuffled,
    split_backwards,
    split_in_turn,
    with_refused,
    zstandardised,
)
from running import TABLES, differing, results

MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def lines(generate: Callable[..., Path]) -> Lines:
    """An hour and more, ten events a second."""
    return with_refused(generate(10_000, 2.5).read_bytes().splitlines(keepends=True))


@pytest.fixture(scope="module")
def baseline(lines: Lines, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("baseline")
    plain(lines, folder)
    out = results(folder / "home", folder / "events.jsonl")
    assert all((out / f"{name}.parquet").stat().st_size > 1000 for name in TABLES)
    return out


@pytest.mark.parametrize("seed", [1, 2])
def test_another_order(seed: int, lines: Lines, baseline: Path, tmp_path: Path) -> None:
    plain(shuffled(lines, 30_000, seed), tmp_path)
    assert differing(results(tmp_path / "home", tmp_path / "events.jsonl"), baseline) == []


def test_each_event_twice(lines: Lines, baseline: Path, tmp_path: Path) -> None:
    plain(doubled(lines), tmp_path)
    assert differing(results(tmp_path / "home", tmp_path / "events.jsonl"), baseline) == []


@pytest.mark.parametrize(
    "arrange", [gzipped, zstandardised, parquet, arrow_file, split_backwards, split_in_turn]
)
def test_other_files_and_formats(
    arrange: Callable[[Lines, Path], None], lines: Lines, baseline: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    arrange(lines, tmp_path / "in")
    assert differing(results(tmp_path / "home", tmp_path / "in"), baseline) == []


@pytest.mark.parametrize("batch_rows", [4096, 10**9])
def test_other_batches(batch_rows: int, lines: Lines, baseline: Path, tmp_path: Path) -> None:
    plain(shuffled(lines, 30_000, 3), tmp_path)
    out = results(tmp_path / "home", tmp_path / "events.jsonl", settings={"batch_rows": batch_rows})
    assert differing(out, baseline) == []


@pytest.mark.parametrize(("batch_rows", "events"), [(1, 250), (7, 1500)])
def test_batches_of_few(batch_rows: int, events: int, lines: Lines, tmp_path: Path) -> None:
    plain(lines[:events], tmp_path)
    whole = results(tmp_path / "whole", tmp_path / "events.jsonl")
    cut = results(tmp_path / "cut", tmp_path / "events.jsonl", settings={"batch_rows": batch_rows})
    assert differing(cut, whole) == []


@pytest.mark.parametrize("seed", range(2))
def test_events_up_to_an_hour_late_change_the_figures_in_place(seed: int, tmp_path: Path) -> None:
    """Everything meets here: refunds come before their payments, touches after the orders that they earned."""
    ordered = write_dense(tmp_path / "ordered.jsonl", 2000, seed)
    late = shuffled(ordered.read_bytes().splitlines(keepends=True), 60 * MINUTE_MS, seed)
    (tmp_path / "late.jsonl").write_bytes(b"".join(doubled(late)))
    in_order = results(tmp_path / "in_order", ordered)
    rows = {"batch_rows": 60, "dedup_horizon_ms": 30 * 86_400_000}
    assert differing(results(tmp_path / "home", tmp_path / "late.jsonl", settings=rows), in_order) == []
