"""`interestream kafka`: a real Kafka broker on this machine, in KRaft mode, brought up and taken down."""

import base64
import os
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from runners.clusters import ports
from runners.clusters.cluster_error import did_not_start
from runners.clusters.cluster_state import ClusterState, changing
from runners.clusters.jar_cache import cached
from runners.clusters.java import find_java
from runners.clusters.lifecycle import await_ready, own_environment, start_missing, stop_all
from runners.clusters.maven import Coordinates, fetch_artifacts, pom_of
from runners.clusters.member import Member
from runners.clusters.places import remember_folder
from runners.clusters.progress import Tell

KIND: Final = "kafka"
BROKER: Final = "broker"
KAFKA_VERSION: Final = "4.1.0"
KAFKA_FOLDERS: Final = (f"kafka-{KAFKA_VERSION}",)
"""Folders of the jar cache."""
WANTED: Final = (
    Coordinates(f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"),
    Coordinates("org.slf4j:slf4j-simple:1.7.36"),
)
DEFAULT_PORTS: Final = {"broker": 9092, "controller": 9093}
PARTITIONS: Final = 4
OLDEST_JAVA: Final = 17
_SETTINGS: Final = "server.properties"
_DATA: Final = "data"
_FORMAT_PATIENCE_S: Final = 60.0
_PORTS_BACK_WITHIN_S: Final = 10.0
"""How soon a broker that was killed is gone: its ports are waited for, since clients go on with them."""
_LOGGING: Final = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
)


def up(folder: Path, cache: Path, environment: Mapping[str, str], tell: Tell) -> ClusterState:
    """Bring the broker up, or leave it running; its topics stay on disk between runs.

    Takes a few seconds, and 45 MB of downloads the first time. Raises UsageError without Java 17, JobError if the
    broker does not come up.
    """
    java = find_java(environment, OLDEST_JAVA)
    jars = cached(cache, KAFKA_FOLDERS[0], partial(_fetch, environment=environment, tell=tell))
    with changing(folder) as state:
        if not state.alive():
            # The port is part of what clients were told; it is kept where it is free.
            patience_s = _PORTS_BACK_WITHIN_S if state.ports else 0.0
            state.ports = ports.choose(state.ports or DEFAULT_PORTS, str(folder), patience_s=patience_s)
            write_settings(folder, state.ports)
            _format(java.program, jars, folder)
        members = [broker(java.program, jars, folder, state.ports)]
        start_missing(state, members, own_environment(environment))
        await_ready(state, members, lambda: True, tell)
    remember_folder(KIND, folder, cache)
    return state


def down(folder: Path) -> list[str]:
    """Stop the broker; what it holds stays on disk. Returns the names of the processes that still ran."""
    if not folder.is_dir():
        return []
    with changing(folder) as state:
        return stop_all(state)


def status(folder: Path) -> dict[str, Any]:
    """Return whether a broker runs, where clients reach it, and its pid."""
    state = ClusterState.read(folder)
    alive = state.alive()
    running = BROKER in alive and ports.answers(state.ports["broker"])
    return {
        "running": running,
        "bootstrap_servers": f"{ports.HOST}:{state.ports['broker']}" if state.ports else None,
        "broker": {"pid": alive[BROKER].pid} if BROKER in alive else None,
        "ports": state.ports,
        "folder": str(folder),
        "logs": {name: str(state.log_of(name)) for name in state.members},
    }


def broker(java: str, jars: Sequence[Path], folder: Path, chosen: Mapping[str, int]) -> Member:
    """Return the one process: broker and controller in one."""
    command = (java, *_LOGGING, "-Xmx512m", "-cp", _class_path(jars), "kafka.Kafka", str(folder / _SETTINGS))
    return Member(BROKER, command, chosen["broker"])


def write_settings(folder: Path, chosen: Mapping[str, int]) -> None:
    """Write the broker's settings: all on loopback, one of everything."""
    listeners = f"PLAINTEXT://{ports.HOST}:{chosen['broker']}"
    controller = f"CONTROLLER://{ports.HOST}:{chosen['controller']}"
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{ports.HOST}:{chosen['controller']}",
        "listeners": f"{listeners},{controller}",
        "advertised.listeners": listeners,
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": folder / _DATA,
        "num.partitions": PARTITIONS,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "message.max.bytes": 8 << 20,
    }
    text = "".join(f"{name}={value}\n" for name, value in settings.items())
    (folder / _SETTINGS).write_text(text, encoding="utf-8")


def cluster_id(number: uuid.UUID) -> str:
    """Return a number as Kafka writes it; a first `-`, which its own command takes for an option, becomes another letter.

    >>> cluster_id(uuid.UUID("f8000000-0000-4000-8000-000000000000"))
    'AAAAAAAAQACAAAAAAAAAAA'
    """
    written = base64.urlsafe_b64encode(number.bytes).decode().rstrip("=")
    return f"A{written[1:]}" if written.startswith("-") else written


def _format(java: str, jars: Sequence[Path], folder: Path) -> None:
    """Give a new data folder its cluster id, as KRaft asks for."""
    if (folder / _DATA / "meta.properties").exists():
        return
    number = cluster_id(uuid.uuid4())
    log = folder / "logs" / "format.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [
        java, *_LOGGING, "-cp", _class_path(jars), "kafka.tools.StorageTool", "format",
        "--cluster-id", number, "--config", str(folder / _SETTINGS),
    ]  # fmt: skip
    with log.open("w") as said:
        done = subprocess.run(
            command,
            stdout=said,
            stderr=said,
            stdin=subprocess.DEVNULL,
            timeout=_FORMAT_PATIENCE_S,
            check=False,
        )
    if done.returncode:
        raise did_not_start("the broker's storage", log, "could not be formatted")


def _class_path(jars: Sequence[Path]) -> str:
    return os.pathsep.join(map(str, jars))


def _fetch(folder: Path, environment: Mapping[str, str], tell: Tell) -> None:
    fetch_artifacts(pom_of("kafka-broker", WANTED), f"Kafka {KAFKA_VERSION}", folder, environment, tell)
