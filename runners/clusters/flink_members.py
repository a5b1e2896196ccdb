"""The processes of the local Flink cluster and their command lines."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import runners
from runners.clusters.flink_config import (
    CONFIGURATION,
    HEAP_MB,
    JOB_CONFIGURATION,
    ZOOKEEPER_FILE,
    FlinkShape,
    taskmanager_options,
)
from runners.clusters.java import MODULE_FLAGS
from runners.clusters.member import Member
from runners.clusters.ports import HOST

JOBMANAGER: Final = "jobmanager"
ZOOKEEPER: Final = "zookeeper"
JOB_SERVER: Final = "job-server"
WORKER_POOL: Final = "worker-pool"
_TASKMANAGER: Final = "taskmanager-"

_ZOOKEEPER_MAIN: Final = (
    "org.apache.flink.shaded.zookeeper3.org.apache.zookeeper.server.quorum.QuorumPeerMain"
)
_JOBMANAGER_MAIN: Final = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASKMANAGER_MAIN: Final = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
_JOB_SERVER_MAIN: Final = "org.apache.beam.runners.flink.FlinkJobServerDriver"
_SMALL: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def flink_members(
    java: str, jars: Sequence[Path], folder: Path, shape: FlinkShape, ports: dict[str, int]
) -> list[Member]:
    """Return the processes in the order in which they are started."""
    conf = folder / CONFIGURATION
    log4j = f"-Dlog4j2.configurationFile={conf / 'log4j2.properties'}"

    def jvm(main: str, *words: str, flags: Sequence[str] = ()) -> tuple[str, ...]:
        return _jvm(java, jars, main, *words, flags=(log4j, *flags))

    local = f"http://{HOST}:{ports['rest']}"
    configured = ("--configDir", str(conf))
    return [
        Member(
            ZOOKEEPER,
            jvm(_ZOOKEEPER_MAIN, str(conf / ZOOKEEPER_FILE), flags=("-Xmx64m", *_SMALL)),
            ports["zookeeper"],
        ),
        Member(
            JOBMANAGER,
            jvm(_JOBMANAGER_MAIN, *configured, "--executionMode", "cluster", flags=("-Xmx768m",)),
            ports["rest"],
        ),
        *(
            Member(
                taskmanager(number),
                jvm(
                    _TASKMANAGER_MAIN, *configured, *taskmanager_options(number),
                    flags=(f"-Xmx{HEAP_MB}m", "-XX:MaxDirectMemorySize=512m"),
                ),
            )
            for number in range(1, shape.taskmanagers + 1)
        ),
        Member(
            JOB_SERVER,
            jvm(_JOB_SERVER_MAIN, *job_server_options(folder, local, ports), flags=("-Xmx512m", *_SMALL)),
            ports["jobs"],
        ),
        worker_pool(ports["workers"]),
    ]  # fmt: skip


def taskmanager(number: int) -> str:
    """Return a TaskManager's name; they are numbered from 1."""
    return f"{_TASKMANAGER}{number}"


def is_taskmanager(name: str) -> bool:
    """Whether a process is a TaskManager."""
    return name.startswith(_TASKMANAGER)


def _jvm(java: str, jars: Sequence[Path], main: str, *words: str, flags: Sequence[str]) -> tuple[str, ...]:
    return (java, *MODULE_FLAGS, *flags, "-cp", os.pathsep.join(map(str, jars)), main, *words)


def foreign_job_server(
    java: str, jars: Sequence[Path], folder: Path, master: str, ports: dict[str, int]
) -> Member:
    """Return a job server that submits to a cluster elsewhere."""
    options = job_server_options(folder, master, ports)
    return Member(
        JOB_SERVER, _jvm(java, jars, _JOB_SERVER_MAIN, *options, flags=("-Xmx512m", *_SMALL)), ports["jobs"]
    )


def job_server_options(folder: Path, master: str, ports: dict[str, int]) -> list[str]:
    """Return what Beam's job server is told: the cluster to submit to, and where staged files go."""
    return [
        "--flink-master", master, "--job-host", HOST, "--job-port", str(ports["jobs"]),
        "--artifact-port", str(ports["artifacts"]), "--expansion-port", "-1",
        "--artifacts-dir", str(folder / "artifacts"), "--flink-conf-dir", str(folder / JOB_CONFIGURATION),
    ]  # fmt: skip


def worker_pool(port: int) -> Member:
    """Return Beam's pool of Python workers.

    It starts `python` from PATH, so this interpreter's folder comes first there; and workers import our
    packages from where this process has them.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    ours = [str(Path(runners.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    command = (
        sys.executable,
        "-m",
        "apache_beam.runners.worker.worker_pool_main",
        "--service_port",
        str(port),
    )
    environment = {"PATH": path, "PYTHONPATH": os.pathsep.join(filter(None, ours)), "PYTHONSAFEPATH": "1"}
    return Member(WORKER_POOL, command, port, environment)
