"""Arrays that memory has no room for: their content is the same, wherever the kernel keeps it."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from transforms.state import spill
from transforms.state.columns import Columns
from transforms.state.sealed import SealedArray

LARGE = spill.SMALLEST_BYTES


@pytest.fixture
def tight(tmp_path: Path) -> Iterator[Path]:
    """No memory to spare at all."""
    spill.configure(tmp_path / "spill", 1)
    yield tmp_path / "spill"
    spill.configure(None, 0)


def test_without_a_directory_nothing_is_spilled_or_given_back() -> None:
    spill.configure(None, 0)
    assert type(spill.zeros(LARGE, np.int64).base) is type(np.zeros(LARGE, np.int64).base)
    assert not spill.relieve()


def test_what_was_written_is_there_after_its_pages_were_dropped(tight: Path) -> None:
    columns = Columns(a=np.int64, b=np.int64)
    numbers = np.arange(LARGE, dtype=np.int64)
    for part in np.split(numbers, 8):
        columns.extend(len(part), a=part, b=-part)
        spill.release()
    columns["a"][::2] += 1
    spill.release()
    assert np.array_equal(columns["a"], numbers + (numbers % 2 == 0))
    assert np.array_equal(columns["b"], -numbers)
    columns.keep(numbers[::3])
    spill.release()
    assert np.array_equal(columns["b"], -numbers[::3])


def test_where_the_disk_has_no_room_arrays_stay_in_memory(
    tight: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room that was promised and not written yet counts as taken."""
    free = 3 * LARGE
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=free, f_frsize=1))
    held = [spill.zeros(LARGE, np.uint8) for _ in range(4)]
    assert [array.base is not None for array in held] == [True] * 3 + [False]
    del held
    assert spill.zeros(2 * LARGE, np.uint8).base is not None


def test_dropping_pages_makes_the_process_smaller(tight: Path) -> None:
    array = spill.zeros(32 * LARGE, np.uint8)
    array[:] = 1
    before = spill.resident_bytes()
    if not before:
        pytest.skip("this system does not tell how much memory is resident")
    assert spill.relieve()
    assert before - spill.resident_bytes() > 16 * LARGE
    assert array.sum() == 32 * LARGE


def test_a_new_job_in_the_process_does_not_wait_for_what_an_earlier_one_gave_back(tight: Path) -> None:
    if not spill.resident_bytes():
        pytest.skip("this system does not tell how much memory is resident")
    assert spill.relieve()
    assert not spill.relieve()
    spill.configure(tight, 1)
    assert spill.relieve()


def test_files_have_no_names_and_outlive_what_still_reads_them(tight: Path) -> None:
    array = SealedArray(np.int64)
    array.append(np.arange(LARGE))
    whole = array.whole()
    assert list(tight.iterdir()) == []
    del array
    spill.release()
    assert whole[-1] == LARGE - 1
