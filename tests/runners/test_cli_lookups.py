"""The look-up commands from outside: a real process, a real Redis, what it prints and how it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from runners.cli.app import main
from runners.embedded_redis import open_redis
from schemas.attribution import CLICKED
from schemas.keys import (
    US,
    Version,
    attribution_key,
    bucket,
    coupon_key,
    credit_key,
    dead_letter_key,
    funnel_field,
    funnel_key,
    job_key,
    metric_key,
    pack,
    pack_version,
    progress_key,
    touch_key,
    window_index_key,
)
from schemas.metrics import EVENT_TIME_COUNTS, MODELS
from schemas.records import CouponRecord, CreditRecord, DeadLetterRecord, encode

ROOT = Path(__file__).parents[2]
VERSION = Version(1, 0, 0)
DAY = 1_291_161_600_000  # 2010-12-01 00:00 UTC
Interestream = Callable[..., "Ended"]


def cell(**named: int) -> bytes:
    return pack(VERSION, [named.get(name, 0) for name in EVENT_TIME_COUNTS])


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory that some pipeline has published into."""
    path = tmp_path_factory.mktemp("published")
    with open_redis(None, path) as store:
        put = store.client.hset
        put(job_key("is"), mapping={"currency": "GBP", "timezone": "UTC"})
        put(progress_key("is"), "as_of_ms", DAY)
        for start, paid in ((DAY, 500), (DAY + 86_400_000, 700)):
            put(
                metric_key("is", "e", "platform", "day", start),
                "all",
                cell(gmv_paid_minor=paid, refunds_minor=20),
            )
            store.client.zadd(window_index_key("is", "day"), {str(start): start})
        for item, paid in (("i1", 5), ("i2", 9)):
            put(metric_key("is", "e", "item", "total", -1), item, cell(gmv_paid_minor=paid))
        put(
            attribution_key("is", "linear", "click_7d_view_1d", "total", -1),
            f"coupon{US}c1",
            pack(VERSION, [9, 500_000, 2, 5]),
        )
        for step, users, twice_ms in (((None, "known"), 5, 0), (("known", "interested"), 2, 3001)):
            put(funnel_key("is", -1), funnel_field("tea", step), pack(VERSION, [users, twice_ms]))
            put(funnel_key("is", DAY), funnel_field("tea", step), pack(VERSION, [users]))
        coupon = CouponRecord("exhausted", 10, 10, 3, 6, None, DAY, "cr1", None, None, DAY - 5, None)
        put(coupon_key("is", bucket("c1")), "c1", pack_version(VERSION) + encode(coupon))
        put(touch_key("is", "total", -1), f"coupon{US}c1", pack(VERSION, [4, 3]))
        record = CreditRecord(DAY, 9, 1, ["e1"], [f"coupon{US}c1"], [90_000], [CLICKED])
        put(credit_key("is", bucket("o1")), f"o1{US}i1", pack_version(VERSION) + encode(record))
        letter = DeadLetterRecord("e9", "late", "by 2 h", b"\xff", DAY, None)
        put(dead_letter_key("is", "too_late"), "d1", pack_version(VERSION) + encode(letter))
        yield path


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def interestream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Interestream:
    """Run the command in an empty folder, with no settings but those given."""
    for name in [name for name in os.environ if name.startswith("INTERESTREAM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Ended(int(ended.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def answer(interestream: Interestream, data_dir: Path) -> Callable[..., Any]:
    """Run a look-up over the published data and return its JSON document."""

    def look(*arguments: object) -> Any:
        done = interestream(*arguments, "--data-dir", data_dir, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return look


def test_metrics(answer: Callable[..., Any]) -> None:
    found = answer("metrics", "platform", "all", "--window", "day", "--from", "2010-12-02")
    assert (found["currency"], found["as_of"]) == ("GBP", "2010-12-01T00:00:00.000Z")
    (row,) = found["rows"]
    assert (row["window_start"], row["gmv_paid_minor"], row["net_gmv_minor"]) == (
        "2010-12-02T00:00:00.000Z",
        700,
        680,
    )


def test_metrics_of_a_category_have_its_funnel(
    answer: Callable[..., Any], interestream: Interestream, data_dir: Path
) -> None:
    funnel = answer("metrics", "category", "tea")["funnel"]
    assert funnel["stages"] == {"known": 3, "interested": 2, "ordered": 0, "repurchased": 0}
    assert funnel["moves"] == [
        {"from_stage": None, "to_stage": "known", "users": 5, "median_ms": None},
        {"from_stage": "known", "to_stage": "interested", "users": 2, "median_ms": 1500.5},
    ]
    assert funnel["days"][1] == {
        "day": "2010-12-01T00:00:00.000Z", "from_stage": "known", "to_stage": "interested", "users": 2,
    }  # fmt: skip
    shown = interestream("metrics", "category", "tea", "--data-dir", data_dir).stdout
    assert "1,500.50" in shown


def test_leaderboard(answer: Callable[..., Any]) -> None:
    assert answer("leaderboard", "item", "--k", 1)["places"] == [{"rank": 1, "id": "i2", "value": 9}]


def test_attribution(answer: Callable[..., Any]) -> None:
    (row,) = answer("attribution", "--model", "linear", "--by", "coupon")["rows"]
    assert (row["id"], row["credit_minor"], row["credited_orders"], row["touches"]) == ("c1", 9, 0.5, 4)
    assert (row["direct_credit_minor"], row["indirect_credit_minor"]) == (2, 7)
    assert (row["cost_minor"], row["roi"], row["cost_per_order_minor"]) == (6, 1.5, 12.0)
    assert (row["reached_users"], row["new_customer_credit_minor"]) == (3, 5)


def test_attribution_under_all_models_side_by_side(answer: Callable[..., Any]) -> None:
    rows = answer("attribution")["rows"]
    assert [(row["model"], row["credit_minor"]) for row in rows if row["id"] == "c1"] == [
        (model, 9 if model == "linear" else 0) for model in MODELS
    ]


def test_a_window_that_the_job_does_not_credit_under_is_refused(
    interestream: Interestream, data_dir: Path
) -> None:
    done = interestream("attribution", "--attribution-window", "click_30m", "--data-dir", data_dir)
    assert done.returncode == 2
    assert "click_7d_view_1d" in done.stderr


def test_attribution_of_one_order(answer: Callable[..., Any]) -> None:
    document = answer("attribution", "--order", "o1")
    rows = document["rows"]
    assert [(row["model"], row["touch_event_id"], row["credit_minor"]) for row in rows] == [
        (model, "e1", 9) for model in MODELS
    ]
    assert {row["why"] for row in rows} == {"the only touch that counts"}
    [touch] = document["touches"]
    assert (touch["kind"], touch["age"], touch["channel"], touch["id"]) == ("click", "1m 30s", "coupon", "c1")
    assert (touch["session"], touch["counts_in"]) == ("another", "click_7d_view_1d")
    assert len(answer("attribution", "--order", "o1", "--model", "linear")["rows"]) == 1
    assert answer("attribution", "--order", "unheard-of")["rows"] == []


def test_dead_letters(answer: Callable[..., Any]) -> None:
    assert answer("deadletters", "list") == {"reasons": {"too_late": 1}, "total": 1}
    (letter,) = answer("deadletters", "show", "too_late")["letters"]
    assert (letter["event_id"], letter["raw_base64"], letter["detail"]) == ("e9", "/w==", "by 2 h")


def test_recommend_without_a_model_says_that_it_falls_back(answer: Callable[..., Any]) -> None:
    found = answer("recommend", "u1")
    assert (found["items"], found["fallback"]) == ([], True)


def test_recommend_says_of_which_room_and_why(interestream: Interestream, data_dir: Path) -> None:
    for options, words in [
        (("--room", "r1", "--json"), '"room_known": false'),
        (("--rooms", "--json"), '"rooms": []'),
        (("--explore", "1", "--seed", "x", "--explain", "--json"), '"items": []'),
    ]:
        done = interestream("recommend", "u1", *options, "--data-dir", data_dir)
        assert done.returncode == 0, done.stderr
        assert words in done.stdout
    for options, remedy in [
        (("--room", "r1", "--rooms"), "give one of them"),
        (("--log", "--rooms"), "leave one of them out"),
    ]:
        refused = interestream("recommend", "u1", *options, "--data-dir", data_dir)
        assert refused.returncode != 0
        assert remedy in " ".join(refused.stderr.split())


def test_recommend_asks_whom_and_tells_of_no_model(interestream: Interestream, data_dir: Path) -> None:
    refused = interestream("recommend", "--data-dir", data_dir)
    assert refused.returncode == 2
    assert "Give a USER_ID, or --model" in " ".join(refused.stderr.split())
    told = interestream("recommend", "--model", "--json", "--data-dir", data_dir)
    assert (told.returncode, told.stdout.strip()) == (0, "null")


def test_export(answer: Callable[..., Any], tmp_path: Path) -> None:
    report = answer("export", tmp_path / "out")
    assert report["rows"]["metrics"] == 4
    assert pq.read_table(tmp_path / "out" / "credits.parquet").num_rows == len(MODELS)
    [coupon] = pq.read_table(tmp_path / "out" / "coupons.parquet").to_pylist()
    assert (coupon["coupon_id"], coupon["status"], coupon["over_delivered"]) == ("c1", "exhausted", 3)


def test_people_get_tables_and_no_colours_off_a_terminal(interestream: Interestream, data_dir: Path) -> None:
    for command, word in [
        (("metrics", "platform", "all"), "no figures"),
        (("metrics", "item", "i1"), "gmv_paid_minor"),
        (("leaderboard", "item"), "i2"),
        (("attribution", "--order", "o1"), "last_touch"),
        (("deadletters", "list"), "too_late"),
        (("recommend", "u1"), "no item is known"),
    ]:
        done = interestream(*command, "--data-dir", data_dir)
        assert done.returncode == 0, done.stderr
        assert word in done.stdout
        assert "\x1b" not in done.stdout


def test_publish_puts_files_onto_a_stream(interestream: Interestream, tmp_path: Path) -> None:
    lines = [f'{{"event_id":"e{number}"}}' for number in range(5)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")
    with open_redis(None, tmp_path / "data") as store:
        done = interestream("publish", "a.jsonl", "--to", f"{store.url}?stream=s", "--json")
        assert json.loads(done.stdout)["events"] == 5
        assert [fields[b"event"].decode() for _, fields in store.client.xrange("s")] == lines


def test_validate_counts_what_breaks_a_rule_and_what_is_no_event(
    interestream: Interestream, tmp_path: Path
) -> None:
    follow = {"event_id": "e1", "event_type": "follow", "event_time": 1_600_000_000_000, "schema_version": 1}
    lines = [json.dumps(follow | {"user_id": "u"}), json.dumps(follow), "not json"]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    done = interestream("validate", "a.jsonl", "--out", "docs", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert (report["rows"], report["accepted"], report["unreadable"]) == (2, 1, {"malformed_json": 1})
    assert [rule["rows"] for rule in report["broken"]] == [1]
    assert Path(report["data_docs"]).exists()


def test_doctor_reports_and_changes_nothing(interestream: Interestream, tmp_path: Path) -> None:
    done = interestream("doctor", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["ok"] else 1)
    states = {finding["name"]: finding["status"] for finding in report["findings"]}
    assert states["redis server"] == states["package pyarrow"] == "ok"
    assert all(finding["mend"] for finding in report["findings"] if finding["status"] != "ok")
    assert list(tmp_path.iterdir()) == []


def test_doctor_names_a_redis_that_does_not_answer(interestream: Interestream) -> None:
    done = interestream("doctor", "--json", "--redis", "unix:///nonexistent/socket")
    assert done.returncode == 1
    assert not json.loads(done.stdout)["ok"]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("metrics", "platform", "all"), 1, "interestream demo"),
        (("metrics", "platform"), 2, "Missing argument"),
        (("unheard-of",), 2, "unheard-of"),
        (("metrics", "platform", "all", "--config", "none.toml"), 2, "does not exist"),
        (("metrics", "room", "r", "--redis", "unix:///nonexistent/socket"), 1, "No Redis answers"),
        (("metrics", "room", "r", "--redis", "ftp://host"), 2, "redis://HOST"),
        (("replay", "none.jsonl"), 1, "none.jsonl does not exist"),
        (("replay",), 2, "Nothing to read"),
        (("replay", ".", "--speed", "fast"), 2, "--speed is 'max'"),
        (("replay", ".", "--from", "2011"), 2, "it is '2011'"),
        (("replay", ".", "--from", "2011-01-01", "--to", "2010-01-01"), 2, "is not before --to"),
        (("replay", ".", "--curency", "GBP"), 2, "Did you mean --currency?"),
        (("replay", ".", "--currency", "pounds"), 2, "ISO 4217"),
        (("run", ".", "--runner", "SparkRunner"), 2, "DirectRunner"),
        (("run", ".", "--dims", "none"), 1, "none"),
        (("publish", ".", "--to", "redis://host/0"), 2, "stream=KEY"),
        (
            ("publish", ".", "--to", "redis://host/0?stream=s", "--rate", "1", "--speed", "2"),
            2,
            "one of them",
        ),
        (("export", ".", "--config", "none.toml"), 2, "does not exist"),
        (("import", "none", ".", "--out", "out"), 2, "online-retail"),
    ],
)
def test_a_mistake_ends_with_its_code_and_one_message(
    interestream: Interestream, arguments: tuple[str, ...], exit_code: int, message: str
) -> None:
    done = interestream(*arguments)
    assert (done.returncode, done.stdout) == (exit_code, "")
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_debug_shows_where_it_failed(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "runners.cli.app",
        "metrics",
        "platform",
        "all",
        "--data-dir",
        str(tmp_path),
    ]
    for switches, shown in (([], False), (["--debug"], True)):
        done = subprocess.run([*command, *switches], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert ("Traceback" in done.stderr) is shown


def test_the_environment_says_where_the_data_is(
    interestream: Interestream, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERESTREAM_DATA_DIR", str(data_dir))
    done = interestream("leaderboard", "item", "--json")
    assert json.loads(done.stdout)["places"][0]["id"] == "i2"


COMMANDS = [
    ("demo",), ("run",), ("replay",), ("publish",), ("import",), ("simulate",), ("metrics",), ("attribution",),
    ("leaderboard",), ("recommend",), ("export",), ("validate",), ("doctor",), ("serve",), ("deadletters", "list"),
    ("deadletters", "show"),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_has_help_with_an_example_and_takes_json(
    interestream: Interestream, command: tuple[str, ...]
) -> None:
    done = interestream(*command, "--help")
    assert done.returncode == 0
    assert f"Example: interestream {' '.join(command)}" in " ".join(done.stdout.split())
    assert "--json" in done.stdout


def test_help_lists_every_command_and_imports_nothing_slow(interestream: Interestream) -> None:
    done = interestream("--help")
    assert all(command[0] in done.stdout for command in COMMANDS)
    slow = ["apache_beam", "great_expectations", "numba", "pyarrow", "numpy", "redis"]
    probe = f"import sys, runners.cli.app; print([name for name in {slow} if name in sys.modules])"
    seen = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"
