"""`interestream publish PATH… --to SOURCE`: files onto a stream."""

import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runners.cli import options
from runners.cli.output import print_json, print_table
from runners.cli.progress import counting
from runners.jobs_request import parse_speed
from schemas.errors import UsageError

if TYPE_CHECKING:
    from transforms.io.pace import Pace

EXAMPLE = "interestream publish events/ --to 'redis://localhost:6379/0?stream=events' --rate 5000"


def publish(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files or folders of events.")],
    *,
    to: Annotated[
        str,
        typer.Option(metavar="SOURCE", help="redis://HOST:PORT/DB?stream=KEY, or unix:///PATH?stream=KEY."),
    ],
    rate: Annotated[float | None, typer.Option(metavar="N", help="So many events a second.")] = None,
    speed: Annotated[
        str | None,
        typer.Option(
            metavar="max|N",
            help="As fast as it goes, or N times as fast as they happened.",
            show_default="max",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Put events from files onto a Redis stream, one entry each, file by file in the order of their names."""
    from runners.embedded_redis import open_redis
    from transforms.io.event_lines import event_lines
    from transforms.io.folder import event_files
    from transforms.io.publish import Clock
    from transforms.io.publish import publish as put
    from transforms.io.stream_url import split_stream_url

    pace = _pace(rate, speed)
    url, stream = split_stream_url(to)
    lines = chain.from_iterable(event_lines(file) for file in event_files(paths))
    clock = Clock(time.monotonic, time.sleep)
    started = clock.now()
    with open_redis(url, Path()) as store, counting() as on_progress:
        sent = put(
            store.client, stream, lines, clock, pace=pace, on_progress=lambda done: on_progress(stream, done)
        )
    seconds = clock.now() - started
    if as_json:
        print_json({"stream": stream, "events": sent, "seconds": round(seconds, 3)})
        return
    print_table(f"Published to {stream}", ["events", "seconds"], [[sent, seconds]])


def _pace(rate: float | None, speed: str | None) -> "Pace":
    from transforms.io.pace import at_once, at_rate, at_speed

    if rate is not None and speed is not None:
        raise UsageError("--rate and --speed both say how fast; give one of them.")
    if rate is not None:
        if not 0 < rate < float("inf"):
            raise UsageError(f"--rate is a number of events a second above 0; it is {rate}.")
        return at_rate(rate)
    factor = parse_speed(speed) if speed else None
    return at_once if factor is None else at_speed(factor)
