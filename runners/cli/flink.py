"""`interestream flink`: a real local Flink cluster."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.output import console, note, print_json, print_table
from runners.settings import Settings

UP_EXAMPLE = "interestream flink up --taskmanagers 2 --slots 2"
STATUS_EXAMPLE = "interestream flink status --json"
LOGS_EXAMPLE = "interestream flink logs jobmanager --lines 20"
DOWN_EXAMPLE = "interestream flink down"

flink = typer.Typer(help="A real local Flink cluster, for --runner FlinkRunner.", no_args_is_help=True)


@flink.command("up", epilog=f"Example: {UP_EXAMPLE}")
@configured("data_dir")
def up(
    *,
    settings: Settings,
    taskmanagers: Annotated[
        int | None,
        typer.Option(
            "--taskmanagers", metavar="N", min=1, max=64, help="How many TaskManagers.", show_default="2"
        ),
    ] = None,
    slots: Annotated[
        int | None,
        typer.Option(
            "--slots", metavar="N", min=1, max=64, help="Slots of each TaskManager.", show_default="2"
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Bring up a Flink cluster with Beam's job server and workers; start again what is missing of one.

    The first time it downloads about 350 MB of jars into ~/.cache/interestream, by Maven and pip.
    """
    from runners.clusters import flink_cluster
    from runners.clusters.flink_config import FlinkShape
    from runners.clusters.places import cache_home, cluster_folder
    from runners.clusters.progress import telling

    folder = cluster_folder(flink_cluster.KIND, settings.data_dir)
    asked = None
    if taskmanagers or slots:
        held = flink_cluster.held_shape(folder)
        asked = FlinkShape(taskmanagers or held.taskmanagers, slots or held.slots)
    with telling(console(stderr=True)) as tell:
        flink_cluster.up(folder, asked, cache_home(os.environ), os.environ, tell)
    _show(folder, as_json=as_json)


@flink.command("status", epilog=f"Example: {STATUS_EXAMPLE}")
@configured("data_dir")
def status(*, settings: Settings, as_json: options.Json = False) -> None:
    """Show the cluster's address, its processes and its jobs.

    Exit code 1 if no JobManager runs.
    """
    _show(_folder(settings), as_json=as_json)


@flink.command("logs", epilog=f"Example: {LOGS_EXAMPLE}")
@configured("data_dir")
def logs(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="A process as status names it; all without.", show_default=False),
    ] = None,
    *,
    settings: Settings,
    lines: Annotated[int, typer.Option("--lines", min=1, help="How many of the last lines.")] = 20,
) -> None:
    """Print the last lines that the cluster's processes wrote."""
    from runners.cli.cluster_logs import print_logs

    print_logs(_folder(settings), name, lines)


@flink.command("down", epilog=f"Example: {DOWN_EXAMPLE}")
@configured("data_dir")
def down(*, settings: Settings) -> None:
    """Stop the cluster and everything it started; jobs end, their checkpoints stay on disk."""
    from runners.clusters import flink_cluster

    stopped = flink_cluster.down(_folder(settings))
    note(f"Stopped {', '.join(stopped)}." if stopped else "No Flink cluster was running.")


def _folder(settings: Settings) -> Path:
    from runners.clusters.cluster_state import RECORD
    from runners.clusters.flink_cluster import KIND
    from runners.clusters.places import cache_home, find_folder

    return find_folder(KIND, settings.data_dir, cache_home(os.environ), RECORD)


def _show(folder: Path, *, as_json: bool) -> None:
    from runners.clusters import flink_cluster

    found = flink_cluster.status(folder)
    if as_json:
        print_json(found)
    else:
        _print(found)
    if not found["running"]:
        raise typer.Exit(1)


def _print(found: dict[str, Any]) -> None:
    if not found["rest_url"]:
        note("No Flink cluster was started here. Start one: interestream flink up")
        return
    jobmanager = [{"name": "jobmanager", **found["jobmanager"]}] if found["jobmanager"] else []
    running = [*jobmanager, *found["taskmanagers"], *found["others"]]
    rows: list[list[object]] = [[each["name"], "running", str(each["pid"])] for each in running]
    rows += [[name, "missing: interestream flink up starts it again", None] for name in found["missing"]]
    print_table(f"Flink at {found['rest_url']}", ["process", "", "pid"], rows)
    print_table("Jobs", ["id", "name", "state"], [list(job.values()) for job in found["jobs"]], empty="none")
