"""Where jobs go and with what options; nothing is started."""

import itertools
from pathlib import Path

import pytest

from runners.clusters.flink_rest import FlinkRest
from runners.flink import default_parallelism
from runners.flink_ends import LAST_MOMENT_MS, has_passed
from runners.flink_target import FlinkTarget, flink_target, option_value
from runners.prism import built_prism, ensure_prism, find_prism
from runners.settings import Settings
from schemas.errors import UsageError


def silent(line: str) -> None:
    pass


def target(folder: Path) -> FlinkTarget:
    return FlinkTarget(FlinkRest("http://127.0.0.1:1"), (), folder)


def test_the_newest_complete_checkpoint_is_found_by_number(tmp_path: Path) -> None:
    for number, whole in ((9, True), (10, True), (11, False)):
        folder = tmp_path / "checkpoints" / "job" / f"chk-{number}"
        folder.mkdir(parents=True)
        if whole:
            (folder / "_metadata").write_bytes(b"")
    assert target(tmp_path).latest_checkpoint("job") == (tmp_path / "checkpoints/job/chk-10").as_uri()
    assert target(tmp_path).latest_checkpoint("other") is None


def test_without_a_cluster_it_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with (
        pytest.raises(UsageError, match="interestream flink up"),
        flink_target(Settings(data_dir=tmp_path), (), silent),
    ):
        pass


def test_a_cluster_elsewhere_needs_a_redis_that_it_can_reach(tmp_path: Path) -> None:
    options = ("--flink_master", "cluster:8081")
    with (
        pytest.raises(UsageError, match="--redis"),
        flink_target(Settings(data_dir=tmp_path), options, silent),
    ):
        pass


def test_a_cluster_that_was_taken_down_is_not_started_again(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="taken down"):
        target(tmp_path).heal(silent)


def watermarks(values: dict[str, int]) -> dict[str, str]:
    """Metrics as Flink names them: of operators, and of the task, which says nothing about what was passed on."""
    return {name: str(value) for name, value in values.items()}


@pytest.mark.parametrize("late", range(4))
def test_a_step_is_done_only_if_every_subtask_took_and_passed_on_the_last_moment(late: int) -> None:
    names = [
        f"{subtask}.Step.current{way}Watermark"
        for subtask, way in itertools.product((0, 1), ("Input", "Output"))
    ]
    done = dict.fromkeys(names, LAST_MOMENT_MS)
    assert has_passed(watermarks(done), 2)
    assert not has_passed(watermarks(done | {names[late]: LAST_MOMENT_MS - 1}), 2)
    assert not has_passed(watermarks({name: value for name, value in done.items() if name != names[late]}), 2)


def test_what_a_task_received_does_not_make_it_done() -> None:
    assert not has_passed(watermarks({"0.currentInputWatermark": LAST_MOMENT_MS}), 1)


def test_half_of_the_cluster_may_be_lost() -> None:
    for taskmanagers, slots in itertools.product((2, 4), (1, 2, 4)):
        left = taskmanagers * slots // 2
        assert 1 <= default_parallelism(taskmanagers * slots, 4) <= left


@pytest.mark.parametrize(
    ("options", "value"), [((), None), (("--a", "1"), "1"), (("--a=1", "--a=2"), "2"), (("--a",), None)]
)
def test_an_options_last_value_counts(options: tuple[str, ...], value: str | None) -> None:
    assert option_value(options, "--a") == value


def executable(path: Path, script: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_prism_is_built_by_go_into_the_cache_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    executable(
        tmp_path / "bin" / "go",
        'mkdir -p "$GOBIN"; echo "$2" > "$GOBIN/prism"; echo once >> "$(dirname "$0")/calls"',
    )
    environment = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    said: list[str] = []
    for tell in (said.append, silent):
        built = ensure_prism(tmp_path / "cache", environment, tell)
        assert built == str(built_prism(tmp_path / "cache"))
    assert Path(built).read_text().strip().endswith("/prism@v2.77.0")
    assert (tmp_path / "bin" / "calls").read_text().splitlines() == ["once"]
    assert len(said) == 1


def test_a_prism_on_path_comes_first_and_without_go_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with pytest.raises(UsageError, match="go install"):
        ensure_prism(tmp_path / "cache", {"PATH": str(tmp_path)}, silent)
    executable(built_prism(tmp_path / "cache"))
    on_path = executable(tmp_path / "bin" / "prism")
    assert find_prism(tmp_path / "cache", {"PATH": str(tmp_path / "bin")}) == str(on_path)
