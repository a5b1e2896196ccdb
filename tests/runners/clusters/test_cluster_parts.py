"""Ports, Java, records, configuration and command lines of the clusters."""

import json
import os
import random
import socket
import threading
from pathlib import Path
from uuid import UUID

import pytest

from runners.clusters import ports
from runners.clusters.cluster_state import ClusterState, changing
from runners.clusters.flink_config import DEFAULT_PORTS, FlinkShape, write_configuration
from runners.clusters.flink_members import flink_members, is_taskmanager
from runners.clusters.java import MODULE_FLAGS, find_java
from runners.clusters.kafka_broker import cluster_id, write_settings
from runners.clusters.places import cluster_folder, find_folder, remember_folder
from runners.clusters.processes import Known
from schemas.errors import StateError, UsageError

PORTS = {name: 10_000 + place for place, name in enumerate(DEFAULT_PORTS)}


def test_a_port_that_is_taken_is_passed_over(tmp_path: Path) -> None:
    with socket.create_server((ports.HOST, 0)) as taken:
        number = taken.getsockname()[1]
        chosen = ports.choose({"a": number, "b": 0, "c": 0}, "one", tmp_path / "notes")
        assert number not in chosen.values()
        assert len(set(chosen.values())) == 3
        assert ports.answers(number)
    assert ports.choose({"a": number}, "one", tmp_path / "notes") == {"a": number}
    assert not ports.answers(number)


def test_a_port_is_waited_for_while_its_server_dies(tmp_path: Path) -> None:
    with socket.create_server((ports.HOST, 0)) as dying:
        number = dying.getsockname()[1]
        threading.Timer(0.5, dying.close).start()
        assert ports.choose({"a": number}, "one", tmp_path / "notes", patience_s=30.0) == {"a": number}


def test_a_port_that_another_is_about_to_listen_on_is_passed_over_until_it_has_had_its_time(
    tmp_path: Path,
) -> None:
    now, notes = 1_000.0, tmp_path / "notes"
    with socket.create_server((ports.HOST, 0)) as held:
        number = held.getsockname()[1]

    def choose(owner: str) -> int:
        return ports.choose({"a": number}, owner, notes, lambda: now)["a"]

    assert choose("one") == choose("one") == number
    assert choose("two") != number
    now += 121
    assert choose("two") == number
    assert choose("one") != number


@pytest.mark.parametrize("left", ['{"80', "[1]", '{"8081": 5}', '{"8081": ["x", "y"]}'])
def test_notes_that_nobody_can_read_hold_nobody_up(left: str, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text(left)
    assert ports.choose({"a": 0}, "one", tmp_path / "notes")["a"] > 0


def test_notes_that_are_somebody_elses_are_let_be(tmp_path: Path) -> None:
    theirs, notes = tmp_path / "theirs", tmp_path / "notes"
    theirs.write_text("their own words")
    notes.symlink_to(theirs)
    assert ports.choose({"a": 0}, "one", notes)["a"] > 0
    assert theirs.read_text() == "their own words"


def java_home(folder: Path, said: str) -> Path:
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    program.chmod(0o755)
    return folder


def test_java_home_comes_before_path(tmp_path: Path) -> None:
    home = java_home(tmp_path / "home", 'openjdk version "17.0.1"')
    on_path = java_home(tmp_path / "other", 'openjdk version "21.0.1"')
    environment = {"JAVA_HOME": str(home), "PATH": f"{on_path / 'bin'}:/usr/bin:/bin"}
    assert find_java(environment).major == 17
    assert find_java({"PATH": environment["PATH"]}).major == 21


@pytest.mark.parametrize(
    ("said", "wrong"), [('java version "1.8.0_412"', "is Java 8"), ("nonsense", "of an unknown version")]
)
def test_a_java_that_is_too_old_is_refused(tmp_path: Path, said: str, wrong: str) -> None:
    home = java_home(tmp_path, said)
    with pytest.raises(UsageError, match=f"{wrong}.*Install JDK 17"):
        find_java({"JAVA_HOME": str(home), "PATH": "/usr/bin:/bin"})


def test_without_java_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Install JDK 17"):
        find_java({"PATH": str(tmp_path)})


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    with changing(tmp_path) as state:
        state.members["jobmanager"] = Known(1, "2", "3")
        state.ports, state.shape = {"rest": 8081}, {"slots": 2}
        state.write()
    again = ClusterState.read(tmp_path)
    assert (again.members, again.ports, again.shape) == (state.members, state.ports, state.shape)
    assert again.alive() == {}
    again.forget()
    assert ClusterState.read(tmp_path).members == {}


def test_a_damaged_record_is_said(tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text("[")
    with pytest.raises(StateError, match="cannot be read"):
        ClusterState.read(tmp_path)


def test_a_cluster_is_found_in_its_own_data_directory_first_then_the_last_started(tmp_path: Path) -> None:
    cache, mine, other = tmp_path / "cache", tmp_path / "mine", tmp_path / "other"
    record = "cluster.json"
    assert find_folder("flink", mine, cache, record) == cluster_folder("flink", mine)
    for data_dir in (mine, other):
        folder = cluster_folder("flink", data_dir)
        folder.mkdir(parents=True)
        (folder / record).write_text("{}")
        remember_folder("flink", folder, cache)
    assert find_folder("flink", mine, cache, record) == cluster_folder("flink", mine)
    assert find_folder("flink", tmp_path / "third", cache, record) == cluster_folder("flink", other)
    (cluster_folder("flink", other) / record).unlink()
    assert find_folder("flink", tmp_path / "third", cache, record) == cluster_folder(
        "flink", tmp_path / "third"
    )


def test_every_member_is_on_loopback_and_in_its_folder(tmp_path: Path) -> None:
    conf = write_configuration(tmp_path, FlinkShape(2, 3), PORTS)
    settings = dict(line.split(": ", 1) for line in (conf / "config.yaml").read_text().splitlines())
    values = {name: json.loads(value) for name, value in settings.items()}
    assert values["taskmanager.numberOfTaskSlots"] == 3
    for name in ("rest.bind-address", "jobmanager.bind-host", "taskmanager.bind-host"):
        assert values[name] == "127.0.0.1"
    for name in ("state.checkpoints.dir", "state.savepoints.dir", "high-availability.storageDir"):
        assert values[name].startswith(tmp_path.as_uri())
    assert "clientPortAddress=127.0.0.1" in (conf / "zoo.cfg").read_text()


def test_the_members_and_their_command_lines(tmp_path: Path) -> None:
    jars = [tmp_path / "a.jar", tmp_path / "b.jar"]
    members = {each.name: each for each in flink_members("/j/java", jars, tmp_path, FlinkShape(3, 1), PORTS)}
    assert sum(map(is_taskmanager, members)) == 3
    for name, member in members.items():
        if name == "worker-pool":
            continue
        assert member.command[0] == "/j/java"
        assert set(MODULE_FLAGS) <= set(member.command)
        assert member.command[member.command.index("-cp") + 1] == os.pathsep.join(map(str, jars))
    assert "taskmanager.resource-id=taskmanager-2" in members["taskmanager-2"].command
    assert members["jobmanager"].port == PORTS["rest"]
    assert f"http://127.0.0.1:{PORTS['rest']}" in members["job-server"].command


def test_workers_run_this_python_and_find_these_packages(tmp_path: Path) -> None:
    [pool] = [
        each
        for each in flink_members("java", [], tmp_path, FlinkShape(), PORTS)
        if each.name == "worker-pool"
    ]
    root = Path(__file__).resolve().parents[3]
    assert pool.environment["PATH"].split(os.pathsep)[0] == str(Path(pool.command[0]).parent)
    assert str(root) in pool.environment["PYTHONPATH"].split(os.pathsep)


def test_the_broker_listens_on_loopback_only(tmp_path: Path) -> None:
    write_settings(tmp_path, {"broker": 1, "controller": 2})
    settings = dict(line.split("=", 1) for line in (tmp_path / "server.properties").read_text().splitlines())
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2"
    assert settings["log.dirs"] == str(tmp_path / "data")


def test_no_cluster_id_begins_as_an_option_does() -> None:
    draw = random.Random(1)
    written = [cluster_id(UUID(int=draw.getrandbits(128), version=4)) for _ in range(2_000)]
    assert len(set(written)) == 2_000
    assert {len(each) for each in written} == {22}
    assert not any(each.startswith("-") for each in written)
