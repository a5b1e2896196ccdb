"""`interestream kafka`: a real local Kafka broker."""

import os
from pathlib import Path

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.output import console, note, print_json, print_table
from runners.settings import Settings

UP_EXAMPLE = "interestream kafka up"
STATUS_EXAMPLE = "interestream kafka status --json"
DOWN_EXAMPLE = "interestream kafka down"

kafka = typer.Typer(help="A real local Kafka broker, for people who have none.", no_args_is_help=True)


@kafka.command("up", epilog=f"Example: {UP_EXAMPLE}")
@configured("data_dir")
def up(*, settings: Settings, as_json: options.Json = False) -> None:
    """Bring up a Kafka broker in KRaft mode on loopback; its topics stay on disk.

    The first time it downloads about 45 MB of jars into ~/.cache/interestream, by Maven.
    """
    from runners.clusters import kafka_broker
    from runners.clusters.places import cache_home, cluster_folder
    from runners.clusters.progress import telling

    folder = cluster_folder(kafka_broker.KIND, settings.data_dir)
    with telling(console(stderr=True)) as tell:
        kafka_broker.up(folder, cache_home(os.environ), os.environ, tell)
    _show(folder, as_json=as_json)


@kafka.command("status", epilog=f"Example: {STATUS_EXAMPLE}")
@configured("data_dir")
def status(*, settings: Settings, as_json: options.Json = False) -> None:
    """Show where the broker is reached.

    Exit code 1 if none runs.
    """
    _show(_folder(settings), as_json=as_json)


@kafka.command("down", epilog=f"Example: {DOWN_EXAMPLE}")
@configured("data_dir")
def down(*, settings: Settings) -> None:
    """Stop the broker."""
    from runners.clusters import kafka_broker

    note("Stopped the broker." if kafka_broker.down(_folder(settings)) else "No Kafka broker was running.")


def _folder(settings: Settings) -> Path:
    from runners.clusters.cluster_state import RECORD
    from runners.clusters.kafka_broker import KIND
    from runners.clusters.places import cache_home, find_folder

    return find_folder(KIND, settings.data_dir, cache_home(os.environ), RECORD)


def _show(folder: Path, *, as_json: bool) -> None:
    from runners.clusters import kafka_broker

    found = kafka_broker.status(folder)
    if as_json:
        print_json(found)
    elif found["running"]:
        rows = [["broker", found["bootstrap_servers"], str(found["broker"]["pid"])]]
        print_table("Kafka", ["process", "bootstrap servers", "pid"], rows)
    else:
        note("No Kafka broker runs here. Start one: interestream kafka up")
    if not found["running"]:
        raise typer.Exit(1)
