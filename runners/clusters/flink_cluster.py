"""`interestream flink`: a real standalone Flink cluster on this machine, brought up, looked at, taken down."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from runners.clusters import ports, processes
from runners.clusters.cluster_state import ClusterState, changing
from runners.clusters.flink_config import DEFAULT_PORTS, FlinkShape, write_configuration
from runners.clusters.flink_jars import flink_class_path
from runners.clusters.flink_members import (
    JOB_SERVER,
    JOBMANAGER,
    WORKER_POOL,
    flink_members,
    is_taskmanager,
)
from runners.clusters.flink_rest import FlinkRest
from runners.clusters.java import find_java
from runners.clusters.lifecycle import await_ready, own_environment, start_missing, stop_all
from runners.clusters.places import remember_folder
from runners.clusters.progress import Tell
from schemas.errors import UsageError

KIND: Final = "flink"
_STOPPED_FIRST: Final = (JOB_SERVER, WORKER_POOL)


def up(
    folder: Path, shape: FlinkShape | None, cache: Path, environment: Mapping[str, str], tell: Tell
) -> ClusterState:
    """Bring a cluster up, or start again what is missing of it; None asks for the shape it has, or 2 by 2.

    Takes about 20 s, and 350 MB of downloads the first time. Raises UsageError without Java or for slots
    other than those that run, JobError if a process does not come up.
    """
    java = find_java(environment)
    jars = flink_class_path(cache, environment, tell)
    with changing(folder) as state:
        running = state.alive()
        shape = _shape(shape, state, bool(running))
        if not running:
            state.ports = ports.choose(DEFAULT_PORTS, str(folder))
        state.shape = asdict(shape)
        state.write()
        write_configuration(folder, shape, state.ports)
        members = flink_members(java.program, jars, folder, shape, state.ports)
        _stop_surplus(state, [member.name for member in members])
        start_missing(state, members, own_environment(environment))
        wanted, rest = shape, FlinkRest(rest_url(state))
        await_ready(state, members, lambda: _is_whole(rest.overview(), wanted), tell)
    remember_folder(KIND, folder, cache)
    return state


def down(folder: Path) -> list[str]:
    """Stop every process of a cluster and all that they started; returns the names of those that still ran."""
    if not folder.is_dir():
        return []
    with changing(folder) as state:
        return stop_all(state, _STOPPED_FIRST)


def status(folder: Path) -> dict[str, Any]:
    """Return what runs: `rest_url`, `jobmanager` and `taskmanagers` with their pids, the rest, and the jobs."""
    state = ClusterState.read(folder)
    alive = state.alive()
    rest = FlinkRest(rest_url(state)) if state.ports else None
    overview = rest.overview() if rest and JOBMANAGER in alive else None
    return {
        "running": JOBMANAGER in alive,
        "whole": bool(state.members) and alive.keys() == state.members.keys() and overview is not None,
        "rest_url": rest.url if rest else None,
        "jobmanager": _pid(alive, JOBMANAGER),
        "taskmanagers": [
            {"name": name, "pid": known.pid} for name, known in alive.items() if is_taskmanager(name)
        ],
        "others": [
            {"name": name, "pid": known.pid}
            for name, known in alive.items()
            if not is_taskmanager(name) and name != JOBMANAGER
        ],
        "missing": sorted(state.members.keys() - alive.keys()),
        "slots": {
            "total": (overview or {}).get("slots-total", 0),
            "free": (overview or {}).get("slots-available", 0),
        },
        "jobs": [
            {"id": job["jid"], "name": job["name"], "state": job["state"]}
            for job in (rest.jobs() if rest and overview else [])
        ],
        "ports": state.ports,
        "folder": str(folder),
        "logs": {name: str(state.log_of(name)) for name in state.members},
    }


def rest_url(state: ClusterState) -> str:
    """Return the address of a cluster's REST interface and web page."""
    return f"http://{ports.HOST}:{state.ports['rest']}"


def _pid(alive: Mapping[str, processes.Known], name: str) -> dict[str, int] | None:
    return {"pid": alive[name].pid} if name in alive else None


def _shape(asked: FlinkShape | None, state: ClusterState, running: bool) -> FlinkShape:
    held = FlinkShape(**state.shape) if state.shape else FlinkShape()
    if asked is None:
        return held
    if running and asked.slots != held.slots:
        raise UsageError(
            f"The cluster runs with {held.slots} slots a TaskManager, not {asked.slots}. "
            "Stop it first: interestream flink down"
        )
    return asked


def _stop_surplus(state: ClusterState, wanted: Sequence[str]) -> None:
    for name in [name for name in state.members if name not in wanted]:
        processes.stop(state.members.pop(name))
    state.write()


def _is_whole(overview: dict[str, Any] | None, shape: FlinkShape) -> bool:
    return overview is not None and overview["taskmanagers"] >= shape.taskmanagers


def held_shape(folder: Path) -> FlinkShape:
    """Return the shape that a cluster has or last had, the default one where there was none."""
    state = ClusterState.read(folder)
    return FlinkShape(**state.shape) if state.shape else FlinkShape()
