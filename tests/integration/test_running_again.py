"""The same command again: nothing to do, or what was added, or all of it anew; the export is always that of the files."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from rearranged import Lines, parquet
from running import command, contents, differing, exported, replayed, results

PARTS = 4


@pytest.fixture(scope="module")
def arrivals(generate: Callable[..., Path]) -> Lines:
    """Events as they came, up to 20 s out of order."""
    return generate(3_000, 1.0).read_bytes().splitlines(keepends=True)


@pytest.fixture(scope="module")
def lines(arrivals: Lines) -> Lines:
    """The same in order of time, with a pause before the last part: it begins after what may still be out of order."""
    ordered = sorted(arrivals, key=time_ms)
    last = ordered[-len(ordered) // PARTS :]
    before = [line for line in ordered if time_ms(line) < time_ms(last[0]) - 40_000]
    size = len(before) // (PARTS - 1)
    return before[: size * (PARTS - 1)] + last[:size]


def time_ms(line: bytes) -> int:
    found: int = json.loads(line)["event_time"]
    return found


@pytest.fixture
def folder(lines: Lines, tmp_path: Path) -> Path:
    """A day's files so far, in the order of their events; the last is not there yet."""
    (tmp_path / "in").mkdir()
    for part in range(PARTS - 1):
        write_part(tmp_path / "in", lines, part)
    return tmp_path / "in"


def write_part(folder: Path, lines: Lines, part: int) -> None:
    size = -(-len(lines) // PARTS)
    (folder / f"{part}.jsonl").write_bytes(b"".join(lines[part * size : (part + 1) * size]))


def anew(folder: Path, tmp_path: Path) -> Path:
    """The export of a first run over what the folder holds now."""
    return results(tmp_path / "anew", folder)


def test_nothing_to_do_leaves_everything_as_it_is(folder: Path, tmp_path: Path) -> None:
    replayed(tmp_path / "home", folder)
    before = contents(exported(tmp_path / "home"))
    again = command("replay", folder, "--no-recommender", "--no-features", "--data-dir", tmp_path / "home")
    assert "Nothing to do" in again.stdout
    report = replayed(tmp_path / "home", folder)
    assert (report.nothing_to_do, report.events) == (True, 0)
    assert contents(exported(tmp_path / "home")) == before
    assert differing(tmp_path / "home" / "export", anew(folder, tmp_path)) == []


def test_a_file_added_to_the_folder_is_read_on_top(folder: Path, lines: Lines, tmp_path: Path) -> None:
    first = replayed(tmp_path / "home", folder)
    write_part(folder, lines, PARTS - 1)
    second = replayed(tmp_path / "home", folder)
    assert (first.resumed, second.resumed) == (False, True)
    assert first.events + second.events == len(lines)
    assert differing(exported(tmp_path / "home"), anew(folder, tmp_path)) == []


def test_lines_added_to_a_file_are_read_on_top(folder: Path, lines: Lines, tmp_path: Path) -> None:
    first = replayed(tmp_path / "home", folder)
    with (folder / f"{PARTS - 2}.jsonl").open("ab") as file:
        file.write(
            b"".join(lines[-len(lines) // PARTS :][:500])
        )  # the first of the part that is not there yet
    second = replayed(tmp_path / "home", folder)
    assert (first.resumed, second.resumed, second.events) == (False, True, 500)
    assert differing(exported(tmp_path / "home"), anew(folder, tmp_path)) == []


@pytest.mark.parametrize(
    "part", [0, pytest.param(1, marks=pytest.mark.long), 2, pytest.param(3, marks=pytest.mark.long)]
)
def test_an_added_file_that_overlaps_the_others_comes_out_right_too(
    part: int, arrivals: Lines, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    for other in set(range(PARTS)) - {part}:
        write_part(tmp_path / "in", arrivals, other)
    replayed(tmp_path / "home", tmp_path / "in")
    write_part(tmp_path / "in", arrivals, part)
    replayed(tmp_path / "home", tmp_path / "in")
    assert differing(exported(tmp_path / "home"), anew(tmp_path / "in", tmp_path)) == []


def removed(folder: Path, lines: Lines) -> None:
    (folder / "1.jsonl").unlink()


def shortened(folder: Path, lines: Lines) -> None:
    file = folder / "1.jsonl"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-300]))


def changed(folder: Path, lines: Lines) -> None:
    """Change one amount in the middle of a file, which keeps its size and times."""
    file = folder / "1.jsonl"
    status = file.stat()
    text = file.read_bytes()
    place = text.index(b'"amount_minor":', len(text) // 2) + len(b'"amount_minor":')
    file.write_bytes(text[:place] + (b"8" if text[place : place + 1] != b"8" else b"7") + text[place + 1 :])
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def replaced_by_another_format(folder: Path, lines: Lines) -> None:
    file = folder / "1.jsonl"
    parquet(file.read_bytes().splitlines(keepends=True), folder)
    file.unlink()


def renamed(folder: Path, lines: Lines) -> None:
    (folder / "1.jsonl").rename(folder / "9.jsonl")


@pytest.mark.parametrize("disturb", [removed, shortened, changed, replaced_by_another_format, renamed])
def test_a_file_that_is_gone_or_another_one_now_starts_everything_over(
    disturb: Callable[[Path, Lines], None], folder: Path, lines: Lines, tmp_path: Path
) -> None:
    replayed(tmp_path / "home", folder)
    before = contents(exported(tmp_path / "home"))
    disturb(folder, lines)
    report = replayed(tmp_path / "home", folder)
    assert not report.resumed
    assert differing(exported(tmp_path / "home"), anew(folder, tmp_path)) == []
    assert (
        disturb in (replaced_by_another_format, renamed) or contents(tmp_path / "home" / "export") != before
    )


def test_fresh_starts_over(folder: Path, tmp_path: Path) -> None:
    first = replayed(tmp_path / "home", folder)
    before = contents(exported(tmp_path / "home"))
    second = replayed(tmp_path / "home", folder, fresh=True)
    assert (second.resumed, second.events) == (False, first.events)
    assert contents(exported(tmp_path / "home")) == before


@pytest.mark.parametrize(
    "other", [{"timezone": "UTC"}, {"allowed_lateness_ms": 1000}, {"order_horizon_ms": 86_400_000}]
)
def test_another_question_is_another_job_and_replaces_the_figures(
    other: dict[str, object], folder: Path, tmp_path: Path
) -> None:
    replayed(tmp_path / "home", folder)
    report = replayed(tmp_path / "home", folder, settings=other)
    assert not report.resumed
    assert differing(exported(tmp_path / "home"), results(tmp_path / "anew", folder, settings=other)) == []


def test_how_fast_and_in_what_batches_is_no_other_job(folder: Path, tmp_path: Path) -> None:
    replayed(tmp_path / "home", folder)
    quick = {"batch_rows": 100, "checkpoint_every_ms": 50}
    assert replayed(tmp_path / "home", folder, settings=quick).nothing_to_do


def test_from_and_to_bound_the_event_time(folder: Path, lines: Lines, tmp_path: Path) -> None:
    """From one moment on, up to and without another one."""
    times = sorted(time_ms(line) for line in lines)
    first, last = times[700], times[1800]
    within = [line for line in lines if first <= time_ms(line) < last]
    (tmp_path / "within.jsonl").write_bytes(b"".join(within))
    report = replayed(tmp_path / "home", folder, from_ms=first, to_ms=last)
    assert report.events == len(within)
    assert differing(exported(tmp_path / "home"), results(tmp_path / "anew", tmp_path / "within.jsonl")) == []
