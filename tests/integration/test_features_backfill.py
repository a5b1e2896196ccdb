"""New views beside a job: after the switch-over all is as if the job had always had them, whatever was killed on the way."""

import json
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import killing
import pyarrow.parquet as pq
import pytest
import redis
from killing import kill, wait_until
from running import QUIET, TABLES, command, differing, exported, replayed, results, started
from streaming import interrupted, redis_server

from pipelines import feature_backfill
from runners.feature_backfill import backfill_features
from runners.jobs_request import JobRequest
from runners.served import compare_served
from runners.settings import Settings
from schemas.errors import InterestreamError, SourceError, UsageError
from serving.reader import Reader
from serving.served_log import ServedLog
from transforms.features.file import views_in

sys.path.insert(0, str(Path(__file__).parents[1] / "transforms" / "features"))

from shop_events import ITEMS, MINUTE, shop

ROWS = shop(6000, seed=41, days=3.0)
ALL = [name for name in TABLES if name != "deadletters"] + ["features"]
SMALL = {"timezone": "UTC", "batch_rows": 200, "checkpoint_every_ms": 200}
VIEWS = """
from transforms.features.aggregations import Count, DistinctCount, Last, Sum, TopK
from transforms.features.view import FeatureView

heat = FeatureView(
    "category_heat", entity="category_id", on=["view", "click", "order.paid"],
    aggregations=[
        Count(name="seen", on="view"), Sum("amount_minor", name="gmv", on="order.paid"), Last("item_id", n=5),
        DistinctCount("user_id"), TopK("item_id", k=2, name="top"),
    ],
    windows=["5m", "1d", "7d"], ttl="30d",
)
long = FeatureView(
    "user_months", entity="user_id", on=["click", "order.paid"],
    aggregations=[Count(), Sum("amount_minor", on="order.paid")], windows=["6h", "30d"], ttl="60d",
)
"""
NEW = ("category_heat", "user_months")


@pytest.fixture(scope="module")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write(folder / "events.jsonl", ROWS)
    (folder / "views.py").write_text(VIEWS, encoding="utf-8")
    (folder / "dims").mkdir()
    pq.write_table(ITEMS, folder / "dims" / "items.parquet")
    return folder


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="module")
def always(shop_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of a job that had the views from the start."""
    settings = {"timezone": "UTC", "features": shop_folder / "views.py"}
    dims = shop_folder / "dims"
    home = tmp_path_factory.mktemp("always")
    return results(home, shop_folder / "events.jsonl", settings=settings, features=True, dims=dims)


def cut_after_a_pause(wanted: int) -> int:
    """A place in the events before which nothing may still be out of order."""
    times = [row["event_time"] for row in ROWS]
    return next(at for at in range(wanted, len(times)) if times[at] - times[at - 1] > MINUTE)


def grown(folder: Path) -> None:
    with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in ROWS[CUT:])


CUT = cut_after_a_pause(4000)


def early(shop_folder: Path, tmp_path: Path) -> Path:
    """A folder with the first two thirds of the events, and a job without the views that has read them."""
    shutil.copytree(shop_folder / "dims", tmp_path / "in" / "dims")
    write(tmp_path / "in" / "events.jsonl", ROWS[:CUT])
    replayed(tmp_path / "home", tmp_path / "in", settings=SMALL, features=True)
    return tmp_path / "in"


def request(folder: Path) -> JobRequest:
    return JobRequest(kind="replay", sources=(str(folder),))


def read_again(*_: Any) -> None:
    raise AssertionError("What the backfill has read is read again.")


def with_views(shop_folder: Path, home: Path) -> Settings:
    return Settings(data_dir=home, features=shop_folder / "views.py", **SMALL)  # type: ignore[arg-type]


def test_a_backfilled_view_is_as_if_it_had_always_been_there(
    shop_folder: Path, always: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = early(shop_folder, tmp_path)
    settings = with_views(shop_folder, tmp_path / "home")
    first = backfill_features(request(folder), settings, QUIET)
    again = backfill_features(request(folder), settings, QUIET)
    assert (first.reached, first.events, again.reached, again.events) == (True, CUT, True, 0)
    grown(folder)
    views = SMALL | {"features": shop_folder / "views.py"}
    with monkeypatch.context() as patched:
        patched.setattr(feature_backfill, "build_feature_backfill", read_again)
        report = replayed(tmp_path / "home", folder, settings=views, features=True)
    assert (report.resumed, report.events) == (True, len(ROWS) - CUT)
    assert differing(exported(tmp_path / "home"), always, ALL) == []
    assert "OK" in command("certify", tmp_path / "home" / "export", always).stdout
    assert not (tmp_path / "home" / "backfill").exists()


def test_without_a_backfill_the_job_reads_what_the_views_miss_and_keeps_its_figures(
    shop_folder: Path, always: Path, tmp_path: Path
) -> None:
    folder = early(shop_folder, tmp_path)
    views = SMALL | {"features": shop_folder / "views.py"}
    report = replayed(tmp_path / "home", folder, settings=views, features=True)
    assert (report.resumed, report.nothing_to_do, report.events) == (True, False, 0)
    grown(folder)
    replayed(tmp_path / "home", folder, settings=views, features=True)
    assert differing(exported(tmp_path / "home"), always, ALL) == []


def test_views_that_are_taken_away_and_come_back_are_whole_again(
    shop_folder: Path, always: Path, tmp_path: Path
) -> None:
    folder = early(shop_folder, tmp_path)
    views = SMALL | {"features": shop_folder / "views.py"}
    for settings in (views, SMALL, views):
        assert replayed(tmp_path / "home", folder, settings=settings, features=True).resumed
    grown(folder)
    replayed(tmp_path / "home", folder, settings=views, features=True)
    assert differing(exported(tmp_path / "home"), always, ALL) == []


def test_files_that_are_others_now_start_over(shop_folder: Path, tmp_path: Path) -> None:
    folder = early(shop_folder, tmp_path)
    write(folder / "events.jsonl", ROWS[: CUT - 100])
    views = SMALL | {"features": shop_folder / "views.py"}
    report = replayed(tmp_path / "home", folder, settings=views, features=True)
    assert (report.resumed, report.events) == (False, CUT - 100)


def test_what_no_job_has_read_cannot_be_backfilled(shop_folder: Path, tmp_path: Path) -> None:
    folder = early(shop_folder, tmp_path)
    settings = with_views(shop_folder, tmp_path / "home")
    with pytest.raises(UsageError, match="has read these sources"):
        backfill_features(request(shop_folder), settings, QUIET)
    with pytest.raises(UsageError, match="keeps these views already"):
        backfill_features(request(folder), Settings(data_dir=tmp_path / "home", **SMALL), QUIET)  # type: ignore[arg-type]


class Poller(threading.Thread):
    """Reads a new view again and again, logs what it says, and keeps what it was told instead."""

    def __init__(self, url: str, log: Path) -> None:
        super().__init__()
        self._client: Any = redis.Redis.from_url(url)
        self._log, self._ended = ServedLog(log, share=1.0), threading.Event()
        self.told: set[str] = set()
        self.failed: list[BaseException] = []

    def run(self) -> None:
        reader = Reader(self._client)
        while not self._ended.is_set():
            try:
                reader.features("category_id", [["k0"], ["k1"], ["k2"]], ["category_heat"], log=self._log)
            except InterestreamError as error:
                self.told.add(str(error))
            except BaseException as error:
                self.failed.append(error)
                return
            time.sleep(0.01)

    def end(self) -> None:
        self._ended.set()
        self.join()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "server").mkdir()
    with redis_server(tmp_path / "server") as (tcp, _, _):
        yield tcp


def checkpointed_to(home: Path) -> Any:
    path = home / "checkpoints" / "checkpoint.pickle"
    return path.stat().st_mtime_ns if path.exists() else None


def kill_at_work(backfill: Any, home: Path) -> None:
    """Kill a backfill once it has saved something."""
    before = checkpointed_to(home / "backfill")
    wait_until(lambda: backfill.poll() is not None or checkpointed_to(home / "backfill") != before, "work")
    kill(backfill)


def published(url: str, shop_folder: Path, tmp_path: Path, begin: int, end: int) -> None:
    write(tmp_path / "part.jsonl", ROWS[begin:end])
    command("publish", tmp_path / "part.jsonl", "--to", f"{url}?stream=events")


def generation(url: str) -> int:
    """Return of which generation the records are that are read; -1 where there are none."""
    with suppress(InterestreamError):
        return Reader(redis.Redis.from_url(url)).feature_state().catalogue.generation
    return -1


def await_event(url: str, place: int) -> None:
    """Wait until features are as of an event."""
    newest = max(row["event_time"] for row in ROWS[:place] if not row.get("holdout"))
    reader = Reader(redis.Redis.from_url(url))

    def arrived() -> bool:
        with suppress(InterestreamError):
            return reader.feature_state().as_of_ms == newest
        return False

    wait_until(arrived, "the newest event")


def test_a_live_job_is_switched_over_under_kills_and_readers_see_nothing_half(
    shop_folder: Path, always: Path, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(killing, "PATIENCE_S", 600.0)
    home, stream = tmp_path / "home", f"{server}?stream=events"
    common = (stream, "--dims", shop_folder / "dims", "--timezone", "UTC", "--redis", server, "--data-dir", home,
              "--batch-rows", 300, "--checkpoint-every", "200ms")  # fmt: skip
    job = ("run", *common, "--no-recommender")
    new = ("--features", shop_folder / "views.py")
    poller = Poller(server, tmp_path / "served.jsonl")
    published(server, shop_folder, tmp_path, 0, 2000)
    run = started(*job)
    poller.start()
    try:
        await_event(server, 2000)
        before = checkpointed_to(home)
        wait_until(lambda: checkpointed_to(home) != before, "a checkpoint")
        # The backfill is killed, and goes on, while the job runs.
        for _ in range(2):
            backfill = started("features", "backfill", *common, *new)
            kill_at_work(backfill, home)
        published(server, shop_folder, tmp_path, 2000, 3300)
        await_event(server, 3300)
        told = json.loads(command("features", "backfill", *common, *new, "--json").stdout)
        assert told["reached"]
        published(server, shop_folder, tmp_path, 3300, 4000)
        await_event(server, 4000)
        kill(run)
        # The switch-over is killed while it reads on, once the state is handed over, and once readers are told of it.
        caught_up = checkpointed_to(home / "backfill")
        for moment in (
            lambda: checkpointed_to(home / "backfill") != caught_up,
            lambda: not (home / "backfill").exists(),
            lambda: generation(server) == 1,  # without any new event
        ):
            run = started(*job, *new)
            wait_until(lambda: moment() or run.poll() is not None, "the moment")  # noqa: B023
            assert run.poll() is None, run.communicate()
            kill(run)
        published(server, shop_folder, tmp_path, 4000, len(ROWS))
        run = started(*job, *new)
        wait_until(lambda: generation(server) == 1 or run.poll() is not None, "the switch-over")
        await_event(server, len(ROWS))
        time.sleep(0.5)
        code, _, err = interrupted(run)
    finally:
        poller.end()
        kill(run)
    assert (code, "Traceback" in err) == (0, False), err
    assert poller.failed == []
    assert any("is being backfilled" in told for told in poller.told)
    command("export", tmp_path / "out", "--redis", server)
    assert differing(tmp_path / "out", always, ALL) == []
    lines = [json.loads(line) for line in (tmp_path / "served.jsonl").read_bytes().splitlines()]
    known = [line for line in lines if any(value is not None for value in line["values"].values())]
    write(tmp_path / "known.jsonl", known)
    settings = Settings(timezone="UTC", features=shop_folder / "views.py")
    found = compare_served(
        tmp_path / "known.jsonl", [shop_folder / "events.jsonl"], shop_folder / "dims", settings
    )
    assert found.reads > 50
    assert found.differing == []


def test_a_trimmed_stream_is_refused(shop_folder: Path, server: str, tmp_path: Path) -> None:
    published(server, shop_folder, tmp_path, 0, 1000)
    home, stream = tmp_path / "home", f"{server}?stream=events"
    run = started("run", stream, "--redis", server, "--data-dir", home, "--checkpoint-every", "100ms")
    try:
        await_event(server, 1000)
        before = checkpointed_to(home)
        wait_until(lambda: checkpointed_to(home) != before, "a checkpoint")
    finally:
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=60)
    redis.Redis.from_url(server).xtrim("events", maxlen=500, approximate=False)
    settings = Settings(redis=server, data_dir=home, features=shop_folder / "views.py")
    with pytest.raises(SourceError, match="500 entries of the stream events were deleted"):
        backfill_features(JobRequest(kind="run", sources=(stream,)), settings, QUIET)


def test_the_views_of_this_test_are_new(shop_folder: Path) -> None:
    assert tuple(view.name for view in views_in(shop_folder / "views.py")) == NEW
