"""Where a Flink job goes: the cluster that `interestream flink up` started, or another by `--flink_master`.

A foreign cluster needs a job server of ours for as long as the job is submitted, and workers that the user
names with Beam's own `--environment_type` and `--environment_config`.
"""

import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runners.clusters import flink_cluster, ports
from runners.clusters.cluster_state import RECORD, ClusterState
from runners.clusters.flink_config import CHECKPOINTS, SAVEPOINTS, write_job_configuration
from runners.clusters.flink_jars import flink_class_path
from runners.clusters.flink_members import foreign_job_server
from runners.clusters.flink_rest import FlinkRest
from runners.clusters.java import find_java
from runners.clusters.lifecycle import await_ready, own_environment, start_missing, stop_all
from runners.clusters.places import cache_home, find_folder
from runners.clusters.progress import Tell
from runners.settings import Settings
from schemas.errors import UsageError

MASTER: Final = "--flink_master"
_AUTO: Final = ("[auto]", "")
EMPTY_JAR: Final = "empty.jar"


@dataclass(frozen=True)
class FlinkTarget:
    """A cluster to submit to: its REST interface, Beam's options that lead there, and its folder if it is ours."""

    rest: FlinkRest
    options: tuple[str, ...]
    folder: Path | None = None
    savepoints: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether it is a cluster that we started and can start again."""
        return self.folder is not None

    def heal(self, tell: Tell) -> None:
        """Start what is missing of our own cluster; raises UsageError if it was taken down meanwhile."""
        if self.folder is None:
            return
        if not (self.folder / RECORD).exists():
            raise UsageError(
                "The Flink cluster was taken down. Start it and run the same command: it goes on."
            )
        flink_cluster.up(self.folder, None, cache_home(os.environ), os.environ, tell)

    def lacks_processes(self) -> bool:
        """Whether a process of our own cluster has died."""
        if self.folder is None:
            return False
        state = ClusterState.read(self.folder)
        return state.alive().keys() != state.members.keys()

    def latest_checkpoint(self, job: str) -> str | None:
        """Return the newest complete checkpoint that a job left on disk, None where there is none to be seen."""
        if self.folder is None:
            return None
        found = sorted((self.folder / CHECKPOINTS / job).glob("chk-*/_metadata"), key=_number)
        return found[-1].parent.as_uri() if found else None

    def slots(self) -> int:
        """Return how many slots there are in all."""
        return int((self.rest.overview() or {}).get("slots-total", 1))


def _number(metadata: Path) -> int:
    return int(metadata.parent.name.removeprefix("chk-"))


@contextmanager
def flink_target(settings: Settings, beam_options: Sequence[str], tell: Tell) -> Iterator[FlinkTarget]:
    """Find the cluster to use; raises UsageError if there is none, or a foreign one lacks what it needs."""
    master = option_value(beam_options, MASTER) or ""
    if master in _AUTO:
        yield local_target(settings, tell)
        return
    if not settings.redis:
        raise UsageError(
            f"{MASTER} {master}: workers elsewhere cannot reach the embedded Redis. Name one with --redis."
        )
    with _job_server(settings, master, tell) as target:
        yield target


def local_target(settings: Settings, tell: Tell) -> FlinkTarget:
    """Return the local cluster, with everything started again that should run."""
    folder = find_folder(flink_cluster.KIND, settings.data_dir, cache_home(os.environ), RECORD)
    state = ClusterState.read(folder)
    if not state.members:
        raise UsageError(
            "No Flink cluster runs on this machine. Start one: interestream flink up. "
            f"Or name another with {MASTER} HOST:PORT."
        )
    if state.alive().keys() != state.members.keys():
        state = flink_cluster.up(folder, None, cache_home(os.environ), os.environ, tell)
    options = (
        *_endpoints(state.ports["jobs"], state.ports["artifacts"]),
        "--environment_type=EXTERNAL",
        f"--environment_config={ports.HOST}:{state.ports['workers']}",
        f"--files_to_stage={_empty_jar(folder)}",
        f"--state_backend_storage_path={(folder / CHECKPOINTS).as_uri()}",
    )
    rest = FlinkRest(flink_cluster.rest_url(state))
    return FlinkTarget(rest, options, folder, (folder / SAVEPOINTS).as_uri())


def option_value(options: Sequence[str], name: str) -> str | None:
    """Return the value that Beam's options give to a name, the last one.

    >>> option_value(["--parallelism", "2", "--parallelism=4"], "--parallelism")
    '4'
    """
    found = None
    for place, word in enumerate(options):
        if word == name and place + 1 < len(options):
            found = options[place + 1]
        elif word.startswith(f"{name}="):
            found = word.partition("=")[2]
    return found


@contextmanager
def _job_server(settings: Settings, master: str, tell: Tell) -> Iterator[FlinkTarget]:
    """Run a job server of ours before a foreign cluster, which gets Beam's jars with the job."""
    cache, folder = cache_home(os.environ), settings.data_dir.resolve() / "flink-job-server"
    jars = flink_class_path(cache, os.environ, tell)
    chosen = ports.choose({"jobs": 0, "artifacts": 0}, str(folder))
    address = master if "://" in master else f"http://{master}"
    member = foreign_job_server(find_java(os.environ).program, jars, folder, address, chosen)
    write_job_configuration(folder)
    state = ClusterState(folder, ports=chosen)
    try:
        start_missing(state, [member], own_environment(os.environ))
        await_ready(state, [member], lambda: True, tell)
        staged = ",".join(str(jar) for jar in jars if not jar.name.startswith(("flink-dist-", "log4j-")))
        options = (*_endpoints(chosen["jobs"], chosen["artifacts"]), f"--files_to_stage={staged}")
        yield FlinkTarget(FlinkRest(address), options)
    finally:
        stop_all(state)


def _endpoints(jobs: int, artifacts: int) -> tuple[str, str]:
    return f"--job_endpoint={ports.HOST}:{jobs}", f"--artifact_endpoint={ports.HOST}:{artifacts}"


def _empty_jar(folder: Path) -> Path:
    """Return a jar of nothing: Beam stages all of its own unless it is told what else, and they are there."""
    jar = folder / EMPTY_JAR
    if not jar.exists():
        with zipfile.ZipFile(jar, "w") as content:
            content.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
    return jar
