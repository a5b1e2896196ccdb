"""The same scenario gives the same bytes; the folder says what it is."""

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from schemas.errors import UsageError
from transforms.io.simulation import VERSION, Scenario, is_synthetic, simulate

SCENARIO = Scenario(evenings=2, rooms=6, users=1_000, items=150, events=20_000, seed=42, broken=0.01)
EVENTS = {1: "b11691544828bef89ac38e07acb4e21ba6f02823a4578d896a2a99411086cc81"}
"""SHA-256 of that scenario's events, one file after another, by version of the simulator."""

EFFECTS = {1: "d4d16932bce7e8b43f26f0f224b26ea9f53c6697f292ecf14fe25bfc146cd54b"}
"""SHA-256 of the true effects of its coupons and ad plans, as Python prints them."""


def digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted((folder / "events").iterdir()):
        whole.update(path.read_bytes())
    return whole.hexdigest()


def effects(folder: Path) -> str:
    tables = [pq.read_table(folder / "truth" / f"{name}.parquet") for name in ("coupons", "ad_plans")]
    lifts = [table.column("true_lift_minor").to_pylist() for table in tables]
    return hashlib.sha256(repr(lifts).encode()).hexdigest()


def test_the_bytes_are_those_of_this_version(tmp_path: Path) -> None:
    simulate(SCENARIO, tmp_path / "one")
    assert (digest(tmp_path / "one"), effects(tmp_path / "one")) == (EVENTS[VERSION], EFFECTS[VERSION])


def test_another_seed_gives_others(tmp_path: Path) -> None:
    simulate(Scenario(events=1_000, seed=1), tmp_path / "one")
    simulate(Scenario(events=1_000, seed=2), tmp_path / "other")
    assert digest(tmp_path / "one") != digest(tmp_path / "other")


def test_the_manifest_tells_what_there_is(simulated: Path) -> None:
    manifest = json.loads((simulated / "manifest.json").read_bytes())
    files = sorted((simulated / "events").iterdir())
    lines = [line for path in files for line in path.read_bytes().splitlines()]
    assert manifest["synthetic"] is True
    assert (manifest["seed"], manifest["id_prefix"]) == (5, "sim-")
    assert manifest["events"] == sum(manifest["events_by_type"].values()) == len(lines)
    assert [(told["file"], told["sha256"]) for told in manifest["files"]] == [
        (f"events/{path.name}", hashlib.sha256(path.read_bytes()).hexdigest()) for path in files
    ]
    assert "synthetic" in (simulated / "SYNTHETIC.md").read_text()


def test_sources_are_known_as_synthetic(simulated: Path, tmp_path: Path) -> None:
    for source in (simulated, simulated / "events", simulated / "events" / "events-000.jsonl"):
        assert is_synthetic([str(source)])
    (tmp_path / "manifest.json").write_text('{"synthetic": false}')
    (tmp_path / "real.jsonl").write_text("")
    assert not is_synthetic([str(tmp_path / "real.jsonl"), "redis://host?stream=s"])


def test_only_an_earlier_simulation_is_replaced(tmp_path: Path) -> None:
    simulate(Scenario(events=1_000), tmp_path / "mine")
    simulate(Scenario(events=1_000, seed=2), tmp_path / "mine")
    (tmp_path / "yours").mkdir()
    (tmp_path / "yours" / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="no simulation wrote"):
        simulate(Scenario(events=1_000), tmp_path / "yours")


@pytest.mark.parametrize(
    "wrong", [{"rooms": 1}, {"events": 0}, {"late": 0.9}, {"broken": -0.1}, {"format": "csv"}, {"users": 10}]
)
def test_what_cannot_be_simulated_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="it is"):
        Scenario(**wrong)
