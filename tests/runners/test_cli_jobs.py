"""What `run` and `replay` ask a job for, given a command line."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from runners.beam_options import split_beam_options
from runners.cli.app import main
from runners.jobs_request import JobRequest
from runners.settings import Settings
from schemas.errors import JobError, UsageError


class AskedError(Exception):
    """Carries what a job was asked for out of the command."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return the request and settings that a command line leads to; no job runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").touch()
    (tmp_path / "dims").mkdir()
    jobs = ModuleType("runners.jobs")

    def run_job(request: JobRequest, settings: Settings, _console: object) -> None:
        raise AskedError(request, settings)

    jobs.run_job = run_job  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "runners.jobs", jobs)

    def ask(*arguments: str) -> tuple[JobRequest, Settings]:
        with pytest.raises(AskedError) as caught:
            main([*arguments, "--debug"])
        request, settings = caught.value.args
        return request, settings

    return ask


def test_a_bare_replay_is_as_fast_as_it_goes_over_everything(asked: Any) -> None:
    request, settings = asked("replay", "a.jsonl")
    assert request == JobRequest(kind="replay", sources=("a.jsonl",))
    assert settings == Settings()


def test_every_flag_of_a_replay_arrives(asked: Any) -> None:
    request, settings = asked(
        *[
            "replay",
            "a.jsonl",
            "--speed",
            "60",
            "--from",
            "2010-12-01",
            "--to",
            "1291248000000",
            "--dims",
            "dims",
            "--no-recommender",
            "--fresh",
        ],
        *[
            "--runner",
            "PrismRunner",
            "--currency",
            "GBP",
            "--timezone",
            "Europe/London",
            "--max-out-of-orderness",
            "5s",
        ],
        *[
            "--allowed-lateness",
            "2h",
            "--dedup-horizon",
            "48h",
            "--order-horizon",
            "60d",
            "--batch-rows",
            "10",
        ],
        *[
            "--checkpoint-every",
            "500ms",
            "--attribution-window",
            "click_7d_view_1d",
            "--redis",
            "redis://h",
            "--data-dir",
            "d",
        ],
    )
    hour = 3_600_000
    assert request == JobRequest(
        kind="replay",
        sources=("a.jsonl",),
        runner="PrismRunner",
        speed=60.0,
        from_ms=1_291_161_600_000,
        to_ms=1_291_248_000_000,
        dims=Path("dims"),
        recommender=False,
        fresh=True,
    )
    assert settings == Settings(
        redis="redis://h",
        data_dir=Path("d"),
        currency="GBP",
        timezone="Europe/London",
        max_out_of_orderness_ms=5000,
        allowed_lateness_ms=2 * hour,
        dedup_horizon_ms=48 * hour,
        order_horizon_ms=60 * 24 * hour,
        checkpoint_every_ms=500,
        batch_rows=10,
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [("s.json", '{"rate": 0.1, "parts": ["popularity"]}'), ("s.toml", 'rate = 0.1\nparts = ["popularity"]')],
)
def test_a_shadow_is_read_from_json_or_toml(asked: Any, name: str, text: str) -> None:
    Path(name).write_text(text, encoding="utf-8")
    for verb in ("run", "replay"):
        request, _ = asked(verb, "a.jsonl", "--shadow", name)
        assert request.shadow == {"rate": 0.1, "parts": ("popularity",)}


@pytest.mark.parametrize(
    ("text", "more", "says"),
    [
        (None, (), "does not exist"),
        ("{", (), "cannot be read as JSON"),
        ("[1]", (), "an object is needed"),
        ('{"rat": 1}', (), "unknown field `rat`"),
        ('{"rate": 0.1}', ("--no-recommender",), "--no-recommender leaves that out"),
    ],
)
def test_a_shadow_that_cannot_be_meant_is_bad_usage(
    asked: Any, capsys: pytest.CaptureFixture[str], text: str | None, more: tuple[str, ...], says: str
) -> None:
    del asked
    if text is not None:
        Path("s.json").write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["replay", "a.jsonl", "--shadow", "s.json", *more])
    assert ended.value.code == 2
    assert says in " ".join(capsys.readouterr().err.split())


def test_a_moment_without_offset_is_in_the_zone_of_the_job(asked: Any) -> None:
    request, _ = asked("replay", "a.jsonl", "--from", "2010-12-01", "--timezone", "Asia/Shanghai")
    assert request.from_ms == 1_291_161_600_000 - 8 * 3_600_000


def test_run_follows_and_hands_beams_options_on(asked: Any) -> None:
    request, settings = asked(
        *["run", "redis://h/0?stream=s", "a.jsonl", "--follow", "--flink_master", "localhost:8081"],
        *["--currency", "GBP", "--parallelism=2", "--streaming"],
    )
    assert request.sources == ("redis://h/0?stream=s", "a.jsonl")
    assert request.follow
    assert request.beam_options == ("--flink_master", "localhost:8081", "--parallelism=2", "--streaming")
    assert settings.currency == "GBP"


def test_a_source_may_stand_behind_a_beam_option_that_has_its_value() -> None:
    assert split_beam_options(["--x=1", "a", "--y", "2", "b"], []) == (("a", "b"), ("--x=1", "--y", "2"))


def test_an_option_that_is_nearly_one_of_ours_is_not_handed_on_in_silence() -> None:
    with pytest.raises(UsageError, match="Did you mean --allowed-lateness"):
        split_beam_options(["--alowed-lateness", "1h"], ["--allowed-lateness", "--speed"])
    with pytest.raises(UsageError, match="Did you mean --batch-rows"):
        split_beam_options(["--batch_rows=1"], ["--batch-rows"])
    split_beam_options(
        ["--savepoint_path", "x", "--flink_master=y", "--temp_location=z"], ["--speed", "--dims"]
    )


def test_a_job_that_fails_ends_with_one_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = ModuleType("runners.jobs")
    failures: list[Exception] = [JobError("the pipeline stopped."), ZeroDivisionError("division by zero")]

    def run_job(*_given: object) -> None:
        raise failures.pop(0)

    jobs.run_job = run_job  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "runners.jobs", jobs)
    said = []
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            main(["replay", str(tmp_path)])
        assert ended.value.code == 1
        said.append(capsys.readouterr().err)
    assert said[0] == "interestream: the pipeline stopped.\n"
    assert "ZeroDivisionError: division by zero" in said[1]
    assert "--debug" in said[1]
    assert "Traceback" not in said[1]
