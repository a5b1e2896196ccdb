"""The configuration of the local Flink cluster: everything on loopback, everything durable on disk.

ZooKeeper, which Flink's own jar carries, keeps the record of running jobs and their last checkpoints on
disk, so that a JobManager that was killed takes its jobs up again when it is started anew.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runners.clusters.ports import HOST

DEFAULT_PORTS: Final = {
    "rest": 8081,
    "rpc": 6123,
    "blobs": 6124,
    "zookeeper": 2181,
    "jobs": 8099,
    "artifacts": 8098,
    "workers": 8097,
}
CHECKPOINTS: Final = "checkpoints"
SAVEPOINTS: Final = "savepoints"
CONFIGURATION: Final = "conf"
JOB_CONFIGURATION: Final = "conf-jobs"
ZOOKEEPER_FILE: Final = "zoo.cfg"
HEAP_MB: Final = 1536
"""Heap of a TaskManager: the framework's part and the tasks', which hold what is under way between steps and to state."""
FRAMEWORK_HEAP_MB: Final = 128


@dataclass(frozen=True)
class FlinkShape:
    """What a cluster was asked to be."""

    taskmanagers: int = 2
    slots: int = 2


def write_configuration(folder: Path, shape: FlinkShape, ports: dict[str, int]) -> Path:
    """Write the files that the processes read, and return their folder."""
    place = folder / CONFIGURATION
    place.mkdir(parents=True, exist_ok=True)
    write_job_configuration(folder)
    for name in (CHECKPOINTS, SAVEPOINTS, "ha", "zookeeper", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    settings = flink_settings(folder, shape, ports)
    lines = [f"{name}: {json.dumps(value)}" for name, value in settings.items()]
    (place / "config.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (place / ZOOKEEPER_FILE).write_text(zookeeper_settings(folder, ports), encoding="utf-8")
    (place / "log4j2.properties").write_text(_LOG4J, encoding="utf-8")
    return place


def write_job_configuration(folder: Path) -> Path:
    """Write what every job's graph is built with, and return its folder.

    Without a name of its own an operator's state is found again by a hash that includes what it is chained to,
    and what can be chained depends on the parallelism: chained, no savepoint would fit another parallelism.
    """
    place = folder / JOB_CONFIGURATION
    place.mkdir(parents=True, exist_ok=True)
    (place / "config.yaml").write_text("pipeline.operator-chaining.enabled: false\n", encoding="utf-8")
    return place


def flink_settings(folder: Path, shape: FlinkShape, ports: dict[str, int]) -> dict[str, object]:
    """Return Flink's settings by their full names."""
    return {
        "jobmanager.rpc.address": HOST,
        "jobmanager.rpc.port": ports["rpc"],
        "jobmanager.bind-host": HOST,
        "jobmanager.memory.process.size": "1600m",
        "jobmanager.execution.failover-strategy": "region",
        "blob.server.port": str(ports["blobs"]),
        "taskmanager.host": HOST,
        "taskmanager.bind-host": HOST,
        "taskmanager.numberOfTaskSlots": shape.slots,
        "parallelism.default": 1,
        "rest.address": HOST,
        "rest.bind-address": HOST,
        "rest.port": ports["rest"],
        "web.submit.enable": False,
        "io.tmp.dirs": str(folder / "tmp"),
        # Kills and lost connections are outlived however many there are, as long as the job runs for half a minute in
        # between now and then; what fails again and again is shown to whoever runs it.
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.initial-backoff": "1 s",
        "restart-strategy.exponential-delay.backoff-multiplier": 1.5,
        "restart-strategy.exponential-delay.max-backoff": "5 s",
        "restart-strategy.exponential-delay.jitter-factor": 0.0,
        "restart-strategy.exponential-delay.reset-backoff-threshold": "30 s",
        "restart-strategy.exponential-delay.attempts-before-reset-backoff": 30,
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "execution.checkpointing.timeout": "10 min",
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "execution.checkpointing.tolerable-failed-checkpoints": 1000,
        "state.checkpoints.dir": (folder / CHECKPOINTS).as_uri(),
        "state.savepoints.dir": (folder / SAVEPOINTS).as_uri(),
        "state.checkpoints.num-retained": 2,
        "state.backend.incremental": True,
        # Two of them that nobody takes tell of a process that is gone; until then tasks are sent to it in vain.
        "heartbeat.interval": 500,
        "heartbeat.timeout": 10000,
        "cluster.evenly-spread-out-slots": True,
        # A thread that ran out of memory would leave the job waiting for it for ever.
        "cluster.uncaught-exception-handling": "FAIL",
        # Beam's jars are on the class path of the cluster; jobs bring none.
        "classloader.resolve-order": "parent-first",
        # Metrics are asked for anew only once all have answered, and a killed TaskManager never does: the default
        # of ten minutes would leave a job without metrics, and its end unnoticed, for that long.
        "web.timeout": 10_000,
        "metrics.fetcher.update-interval": 500,
        "high-availability.type": "zookeeper",
        "high-availability.cluster-id": "/interestream",
        "high-availability.storageDir": (folder / "ha").as_uri(),
        "high-availability.jobmanager.port": str(ports["rpc"]),
        "high-availability.zookeeper.quorum": f"{HOST}:{ports['zookeeper']}",
        "high-availability.zookeeper.client.session-timeout": 6000,
        "high-availability.zookeeper.client.connection-timeout": 3000,
        "high-availability.zookeeper.client.retry-wait": 1000,
        "high-availability.zookeeper.client.max-retry-attempts": 20,
    }


def zookeeper_settings(folder: Path, ports: dict[str, int]) -> str:
    """Return the settings of a ZooKeeper of one."""
    return (
        f"tickTime=2000\ndataDir={folder / 'zookeeper'}\nclientPort={ports['zookeeper']}\n"
        f"clientPortAddress={HOST}\nadmin.enableServer=false\nmaxClientCnxns=100\n"
        "autopurge.purgeInterval=1\nautopurge.snapRetainCount=3\n"
    )


def taskmanager_options(number: int) -> list[str]:
    """Return what Flink's own start script would work out: every part of a TaskManager's memory."""
    sizes = {
        "task.heap.size": HEAP_MB - FRAMEWORK_HEAP_MB, "framework.heap.size": FRAMEWORK_HEAP_MB,
        "task.off-heap.size": 64, "framework.off-heap.size": 128,
        "network.min": 128, "network.max": 128, "managed.size": 256,
        "jvm-metaspace.size": 256, "jvm-overhead.min": 192, "jvm-overhead.max": 192,
    }  # fmt: skip
    given = {f"taskmanager.memory.{name}": f"{size}mb" for name, size in sizes.items()}
    given |= {"taskmanager.resource-id": f"taskmanager-{number}", "taskmanager.cpu.cores": "1.0"}
    return [word for name, value in given.items() for word in ("-D", f"{name}={value}")]


_LOG4J: Final = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = console
logger.zookeeper.name = org.apache.flink.shaded.zookeeper3
logger.zookeeper.level = WARN
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %c{1} - %m%n
"""
