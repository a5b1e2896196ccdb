"""`interestream publish PATH… --to SOURCE`: files onto a Redis stream or a Kafka topic."""

import time
from collections.abc import Callable, Iterable
from functools import partial
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
    from transforms.io.publish import Clock

EXAMPLE = "interestream publish events/ --to 'redis://localhost:6379/0?stream=events' --rate 5000"


def publish(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files or folders of events.")],
    *,
    to: Annotated[
        str,
        typer.Option(
            metavar="SOURCE",
            help="redis://HOST:PORT/DB?stream=KEY, unix:///PATH?stream=KEY or kafka://HOST:PORT/TOPIC.",
        ),
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
    """Put events from files onto a Redis stream or a Kafka topic, one each, file by file in the order of their names.

    On Kafka a user's events stay in order (`?key=room_id`: a room's); a topic that is not there is made.
    """
    from transforms.io.event_lines import event_lines
    from transforms.io.folder import event_files
    from transforms.io.kafka_url import is_kafka_url
    from transforms.io.publish import Clock
    from transforms.io.stream_url import split_stream_url

    put = _onto_kafka if is_kafka_url(to) else _onto_redis
    if put is _onto_redis:
        split_stream_url(to)  # what is mistyped is said before any file is read
    pace = _pace(rate, speed)
    lines = chain.from_iterable(event_lines(file) for file in event_files(paths))
    clock = Clock(time.monotonic, time.sleep)
    started = clock.now()
    with counting() as on_progress:
        stream, sent = put(to, lines, clock, pace, on_progress)
    seconds = clock.now() - started
    if as_json:
        print_json({"stream": stream, "events": sent, "seconds": round(seconds, 3)})
        return
    print_table(f"Published to {stream}", ["events", "seconds"], [[sent, seconds]])


def _onto_redis(
    to: str, lines: Iterable[bytes], clock: "Clock", pace: "Pace", on_progress: Callable[[str, int], None]
) -> tuple[str, int]:
    from runners.embedded_redis import open_redis
    from transforms.io.publish import publish as put
    from transforms.io.stream_url import split_stream_url

    url, stream = split_stream_url(to)
    with open_redis(url, Path()) as store:
        tell = partial(on_progress, stream)
        return stream, put(store.client, stream, lines, clock, pace=pace, on_progress=tell)


def _onto_kafka(
    to: str, lines: Iterable[bytes], clock: "Clock", pace: "Pace", on_progress: Callable[[str, int], None]
) -> tuple[str, int]:
    from transforms.io.kafka_publish import ensure_topics, open_producer, publish_to_kafka
    from transforms.io.kafka_url import parse_kafka_url

    topic = parse_kafka_url(to)
    ensure_topics(topic, [topic.topic])
    tell = partial(on_progress, topic.topic)
    return topic.topic, publish_to_kafka(
        open_producer(topic), topic, lines, clock, pace=pace, on_progress=tell
    )


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
