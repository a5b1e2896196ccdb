"""Jobs with pseudonyms: as if the events had come with them, and nobody's true id anywhere."""

import dataclasses
import hashlib
import hmac
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from people import MARK, T0, person, places_with, pseudonym, visits, written
from running import COMMAND, QUIET, command, environment, exported, replayed, results

from runners.api import open_service, serving_beside
from runners.embedded_redis import open_redis
from runners.feature_backfill import backfill_features
from runners.jobs_request import JobRequest
from runners.served import compare_served
from runners.settings import Settings
from runners.training import training_set
from schemas.errors import InterestreamError, UsageError
from schemas.keys import erased_key, recommender_key
from schemas.scripts import TOMBSTONE
from serving.client import Client
from serving.http.config import ServeConfig
from serving.reader import Reader
from serving.served_log import ServedLog

SECRET, OTHER = "s3cret-of-this-shop-" * 2, "another-secret-altogether-" * 2
EVENTS = visits(2500, seed=3)
WHOLE: dict[str, Any] = {"features": True, "recommender": True}
UTC = {"timezone": "UTC"}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "own").write_text(f"{SECRET}\n")
    (folder / "other").write_text(OTHER)
    return folder


@pytest.fixture(scope="module")
def settings(secrets: Path) -> dict[str, Any]:
    return UTC | {"pseudonymize": secrets / "own"}


@pytest.fixture(scope="module")
def home(settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory whose job was given people's own ids and the secret."""
    folder = tmp_path_factory.mktemp("hidden")
    results(folder / "home", written(folder / "events.jsonl", EVENTS), settings=settings, **WHOLE)
    return folder / "home"


def mapped(user_id: str) -> str:
    return pseudonym(SECRET, user_id)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def differing_files(one: Path, other: Path) -> list[str]:
    first, second = files(one), files(other)
    assert first.keys() == second.keys()
    return [name for name in first if first[name] != second[name]]


def test_it_is_as_if_events_had_come_with_pseudonyms(home: Path, tmp_path: Path) -> None:
    before = results(tmp_path / "home", written(tmp_path / "in.jsonl", EVENTS, mapped), settings=UTC, **WHOLE)
    assert differing_files(home / "export", before) == []
    reasons = {
        reason for (reason,) in duckdb.sql(f"SELECT reason FROM '{before}/deadletters.parquet'").fetchall()
    }
    assert reasons == {"conflicting_duplicate", "too_late", "unknown_traffic_source"}


def test_nobodys_id_is_anywhere_and_the_secret_neither(home: Path, tmp_path: Path) -> None:
    assert places_with(home, home / "export", MARK, SECRET) == set()
    assert places_with(home, home / "export", mapped(person(1))) == {"redis", "files", "export"}
    open_ = results(tmp_path / "home", written(tmp_path / "in.jsonl", EVENTS), settings=UTC, **WHOLE)
    assert places_with(tmp_path / "home", open_, MARK) == {"redis", "files", "export"}, "it would be found"


UNREADABLE = [
    b'{"event_id":"b1","user_id":"p001@people.example"',
    b'{"event_id":"b2","event_type":"view","event_time":1781800000000,"user_id":["p001@people.example"]}',
    b'{"event_id":"b3","event_type":"view","event_time":1781800000000,"user_id":"p002@people.example","item_id":{"of":"p001@people.example"}}',
    b'["p001@people.example"]',
    b"p001@people.example \xff",
    b'{"event_id":"b6","event_type":"view","event_time":"now, p001@people.example","user_id":"p003@people.example"}',
]
AGAINST_RULES = [
    b'{"event_id":"b7","event_type":"view","event_time":1781800000000,"userId":"p001@people.example"}',
    b'{"user_id":"p001@people.example","event_id":"b8","event_type":"hum","event_time":1781800000000,"user_id":"p004@people.example"}',
]  # fmt: skip


def test_what_is_refused_shows_no_ids_and_is_told_apart(settings: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b"".join(line + b"\n" for line in [*UNREADABLE, *AGAINST_RULES]))
    export = results(tmp_path / "home", tmp_path / "in.jsonl", settings=settings)
    assert places_with(tmp_path / "home", export, MARK) == set()
    rows = duckdb.sql(f"SELECT event_id, raw FROM '{export}/deadletters.parquet'").fetchall()
    assert len(rows) == len(UNREADABLE) + len(AGAINST_RULES)
    told = [json.loads(raw) for _, raw in rows]
    assert {each.get("event_id") for each in told} == {None, "b2", "b3", "b6", "b7", "b8"}
    users = {each["event_id"]: each["user_id"] for each in told if "user_id" in each}
    assert users == {"b3": mapped(person(2)), "b6": mapped(person(3)), "b8": mapped(person(4))}
    keyed = {
        hmac.new(SECRET.encode(), b"\0interestream: an input\0" + line, hashlib.sha256).hexdigest()[:32]
        for line in UNREADABLE
    }
    assert {each["withheld"] for each in told if "withheld" in each} == keyed


def test_a_job_goes_on_with_its_secret_and_with_no_other(
    home: Path, secrets: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    later = visits(600, seed=5, begin_ms=T0 + 2 * 86_400_000)
    written(tmp_path / "in" / "1.jsonl", EVENTS)
    replayed(tmp_path / "home", tmp_path / "in", settings=settings, **WHOLE)
    written(tmp_path / "in" / "2.jsonl", later)
    for wrong in (UTC, UTC | {"pseudonymize": secrets / "other"}):
        with pytest.raises(UsageError, match=r"Every user would count twice\. Give the secret .* --fresh"):
            replayed(tmp_path / "home", tmp_path / "in", settings=wrong, **WHOLE)
    report = replayed(tmp_path / "home", tmp_path / "in", settings=settings, **WHOLE)
    assert (report.resumed, report.events) == (True, len(later))
    written(tmp_path / "mapped" / "1.jsonl", EVENTS, mapped)
    written(tmp_path / "mapped" / "2.jsonl", later, mapped)
    whole = results(tmp_path / "whole", tmp_path / "mapped", settings=UTC, **WHOLE)
    assert differing_files(exported(tmp_path / "home"), whole) == []


def test_figures_with_true_ids_are_not_gone_on_with(
    secrets: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    events = written(tmp_path / "in.jsonl", EVENTS[:200])
    replayed(tmp_path / "home", events, settings=UTC)
    asked = (
        "replay",
        events,
        "--data-dir",
        tmp_path / "home",
        "--timezone",
        "UTC",
        "--pseudonymize",
        secrets / "own",
    )
    refused = command(*asked, check=False)
    assert refused.returncode == 2
    assert "user ids as they came" in refused.stderr
    assert SECRET not in refused.stderr
    command(*asked, "--fresh")
    assert places_with(tmp_path / "home", exported(tmp_path / "home"), SECRET) == set()
    with open_redis(None, tmp_path / "home") as store:
        assert person(1) not in repr(list(store.client.scan_iter()))
        assert Reader(store.client).job().pseudonyms is not None


def test_users_are_asked_for_by_their_true_ids(home: Path, secrets: Path) -> None:
    where = ("--data-dir", home, "--json")
    secret = ("--pseudonymize", secrets / "own")
    views = [("user_id", person(1)), ("user_id+creator_id", person(1), "c1")]
    for entity, *ids in views:
        by_name = json.loads(command("features", "get", entity, *ids, *where, *secret).stdout)
        stored = [mapped(person(1)), *ids[1:]]
        by_pseudonym = json.loads(command("features", "get", entity, *stored, *where).stdout)
        assert by_name["features"] == by_pseudonym["features"]
        assert by_name["ids"] == ids
    assert any(each["value"] for each in by_name["features"].values())
    asked = json.loads(command("recommend", person(1), *where, *secret).stdout)
    assert (asked["user_id"], asked["fallback"]) == (person(1), False)
    assert command("recommend", person(1), *where, check=False).returncode == 2
    other = command("recommend", person(1), *where, "--pseudonymize", secrets / "other", check=False)
    assert other.returncode == 2
    assert OTHER not in other.stderr
    told = command("serve", *where, "--port", "0", "--pseudonymize", secrets / "other", check=False)
    assert (told.returncode, "Give --pseudonymize the job's" in told.stderr) == (2, True)


@pytest.fixture
def served(home: Path, secrets: Path) -> Iterator[Client]:
    with open_redis(None, home) as store:
        config = ServeConfig(port=0, pseudonym_file=secrets / "own")
        with serving_beside(open_service(store, config)) as url, Client(url) as client:
            yield client


def test_pairs_with_users_are_found_over_http(home: Path, served: Client) -> None:
    with open_redis(None, home) as store:
        [known] = Reader(store.client).features("user_id+creator_id", [[mapped(person(1)), "c1"]])
    [told] = served.features_of("user+creator", [f"{person(1)}+c1"]).entities
    values = {f"{each.view}.{each.name}": each.value for each in told.features}
    assert values == known.values


def test_served_reads_are_what_a_replay_gives(home: Path, settings: dict[str, Any], tmp_path: Path) -> None:
    log = ServedLog(tmp_path / "log.jsonl", share=1.0)
    ids = [[mapped(person(number))] for number in range(5)]
    with open_redis(None, home) as store:
        read = Reader(store.client).features("user_id", ids, log=log)
    told = dataclasses.replace(Settings(), **settings)
    events = [home.parent / "events.jsonl"]
    found = compare_served(log.path, events, None, told)
    assert (found.reads, found.differing) == (5, [])
    labels = tmp_path / "labels.jsonl"
    moment = json.loads(log.path.read_text().splitlines()[0])["as_of_ms"]
    labels.write_text("".join(json.dumps({"user_id": person(n), "at_ms": moment}) + "\n" for n in range(5)))
    table = training_set(labels, ["user_activity"], events, None, told)
    assert table["user_id"].to_pylist() == [each.ids[0] for each in read]
    for name in table.schema.names[3:]:
        assert table[name].to_pylist() == [each.values[name] for each in read]


def test_who_was_forgotten_stays_forgotten(secrets: Path, settings: dict[str, Any], tmp_path: Path) -> None:
    events, home = written(tmp_path / "in.jsonl", EVENTS), tmp_path / "home"
    replayed(home, events, settings=settings, **WHOLE)
    gone = [person(1), person(2)]
    with open_redis(None, home) as store:
        for secret in (secrets / "other", None):
            config = ServeConfig(port=0, pseudonym_file=secret)
            with (
                serving_beside(open_service(store, config)) as url,
                Client(url) as client,
                pytest.raises(InterestreamError, match="pseudonyms"),
            ):
                client.forget(gone[0])
        config = ServeConfig(port=0, pseudonym_file=secrets / "own")
        with serving_beside(open_service(store, config)) as url, Client(url) as client:
            told = client.forget(gone[0])
            assert told.recommender_rows > 0
            assert told.feature_records > 0
            assert told.dead_letters > 0
    environ = environment() | {"INTERESTREAM_PSEUDONYMIZE": str(secrets / "own")}
    forget = [*COMMAND, "features", "forget", gone[1], "--data-dir", str(home)]
    subprocess.run(forget, env=environ, check=True, capture_output=True)
    replayed(home, events, settings=settings, fresh=True, **WHOLE)
    with open_redis(None, home) as store:
        client_ = store.client
        assert {each.decode() for each in client_.hkeys(erased_key("is"))} == {mapped(each) for each in gone}
        for each in map(mapped, gone):
            assert [client_.hget(recommender_key("is", kind, each), each) for kind in "uv"] == [TOMBSTONE] * 2
        found = Reader(client_).features("user_id", [[mapped(each)] for each in [*gone, person(3)]])
    assert [any(value for value in each.values.values()) for each in found] == [False, False, True]
    assert places_with(home, exported(home), MARK) == set()


def test_who_was_forgotten_by_a_true_id_stays_forgotten(settings: dict[str, Any], tmp_path: Path) -> None:
    events, home = written(tmp_path / "in.jsonl", EVENTS), tmp_path / "home"
    replayed(home, events, settings=UTC, **WHOLE)
    command("features", "forget", person(1), "--data-dir", home)
    replayed(home, events, settings=settings, fresh=True, **WHOLE)
    with open_redis(None, home) as store:
        hidden = mapped(person(1))
        assert store.client.hkeys(erased_key("is")) == [hidden.encode()]
        held = [store.client.hget(recommender_key("is", kind, hidden), hidden) for kind in "uv"]
        assert held == [TOMBSTONE] * 2
        [found] = Reader(store.client).features("user_id", [[hidden]])
        assert not any(found.values.values())
        assert person(1).encode() not in b"".join(store.client.scan_iter())


VIEW = """
from transforms.features.aggregations import Count, DistinctCount
from transforms.features.view import FeatureView

heat = FeatureView("item_crowd", entity="item_id", on=["view", "click"], aggregations=[Count(), DistinctCount("user_id")],
                   windows=["1d"], ttl="30d")
habit = FeatureView("user_days", entity="user_id", on=["click"], aggregations=[Count()], windows=["6h"], ttl="30d")
"""


def test_views_that_join_learn_of_pseudonyms(settings: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "views.py").write_text(VIEW)
    more = {"features": tmp_path / "views.py"}
    events, home = written(tmp_path / "in.jsonl", EVENTS), tmp_path / "home"
    replayed(home, events, settings=settings, features=True)
    told = dataclasses.replace(Settings(data_dir=home), **(settings | more))
    request = JobRequest(kind="replay", sources=(str(events),))
    with pytest.raises(UsageError, match="No job in"):
        backfill_features(request, dataclasses.replace(told, pseudonymize=None), QUIET)
    assert backfill_features(request, told, QUIET).reached
    assert replayed(home, events, settings=settings | more, features=True).resumed
    always = written(tmp_path / "mapped.jsonl", EVENTS, mapped)
    whole = results(tmp_path / "whole", always, settings=UTC | more, features=True)
    assert differing_files(exported(home), whole) == []
    assert places_with(home, home / "export", MARK, SECRET) == set()
