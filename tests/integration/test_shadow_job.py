"""A shadow through whole jobs: gone on with after a pause, begun anew with other settings, the served model untouched."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from running import replayed

from runners import jobs
from runners.embedded_redis import open_redis
from runners.jobs_request import JobRequest
from runners.settings import Settings
from schemas.keys import model_key
from serving.reader import Reader

T0, DAY = 1_767_225_600_000, 86_400_000
SHADOW = {"rate": 0.2, "parts": ("popularity", "transitions")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two days of clicks, a file each."""
    (tmp_path / "in").mkdir()
    for day in range(2):
        lines = [json.dumps(click(day, n)) + "\n" for n in range(400)]
        (tmp_path / "in" / f"{day}.jsonl").write_text("".join(lines), encoding="utf-8")
    return tmp_path / "in"


def click(day: int, n: int) -> dict[str, object]:
    return {
        "event_id": f"d{day}-{n}", "event_type": "click", "event_time": T0 + day * DAY + 5_000 * n, "schema_version": 1,
        "user_id": f"u{n % 9}", "item_id": f"i{(n // 9 + n * n) % 23}",
    }  # fmt: skip


def told(data_dir: Path) -> tuple[dict[str, float], Any]:
    """The counters of the model that is published, and its shadow."""
    with open_redis(None, data_dir) as store:
        learned = Reader(store.client).learned()
    assert learned is not None
    return learned.model.counters, learned.shadow


def published(data_dir: Path) -> bytes:
    with open_redis(None, data_dir) as store:
        held = store.client.hget(model_key("is"), "model")
    return bytes(held)[20:]


def test_a_job_goes_on_with_its_shadow(folder: Path, tmp_path: Path) -> None:
    replayed(tmp_path / "whole", folder, recommender=True, shadow=SHADOW)
    later = (folder / "1.jsonl").rename(tmp_path / "later.jsonl")
    replayed(tmp_path / "paused", folder, recommender=True, shadow=SHADOW)
    later.rename(folder / "1.jsonl")
    assert replayed(tmp_path / "paused", folder, recommender=True, shadow=SHADOW).resumed
    assert told(tmp_path / "paused") == told(tmp_path / "whole")
    counters, shadow = told(tmp_path / "whole")
    assert shadow.counters["predictions"] == counters["predictions"] > 500
    assert shadow.counters["served_hit_rate_at_10"] == pytest.approx(counters["hit_rate_at_10"])
    replayed(tmp_path / "alone", folder, recommender=True)
    assert told(tmp_path / "alone") == (counters, None)
    assert published(tmp_path / "alone") == published(tmp_path / "whole")


def test_another_shadow_begins_anew_and_the_job_goes_on(folder: Path, tmp_path: Path) -> None:
    later = (folder / "1.jsonl").rename(tmp_path / "later.jsonl")
    replayed(tmp_path / "home", folder, recommender=True, shadow=SHADOW)
    later.rename(folder / "1.jsonl")
    console = Console(record=True, width=200)
    request = JobRequest("replay", (str(folder),), features=False, shadow={"rate": 0.3})
    assert jobs.run_job(request, Settings(data_dir=tmp_path / "home"), console).resumed
    assert "The shadow begins to learn now" in console.export_text()
    counters, shadow = told(tmp_path / "home")
    assert (shadow.since_ms, shadow.settings) == (T0 + DAY, {"rate": 0.3})
    assert 0 < shadow.counters["predictions"] < counters["predictions"]
