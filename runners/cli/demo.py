"""`interestream demo`: the main job on the real sample that ships."""

import dataclasses
import time
from typing import TYPE_CHECKING, Annotated

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.launching import document, print_report
from runners.cli.output import console, note, print_json
from runners.jobs_request import JobRequest
from runners.settings import Settings

if TYPE_CHECKING:
    from runners.demo_sample import Sample

EXAMPLE = "interestream demo --no-serve"


@configured(*options.WHERE)
def demo(
    *,
    settings: Settings,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Print the summary and exit.")] = False,
    no_recommender: options.NoRecommender = False,
    fresh: options.Fresh = False,
    as_json: options.Json = False,
) -> None:
    """Replay a real shop's log into an embedded Redis and show what comes out.

    The results stay in ./.interestream/demo (or --data-dir); a second time there is nothing left to do.
    """
    from runners.cli.demo_summary import as_document, print_tables
    from runners.demo_sample import find_sample
    from runners.embedded_redis import open_redis
    from runners.jobs import run_job
    from serving.reader import Reader

    sample = find_sample()
    settings = for_sample(settings, sample)
    request = JobRequest(
        "replay", (str(sample.path),), dims=sample.dims, recommender=not no_recommender, fresh=fresh
    )
    with open_redis(settings.redis, settings.data_dir) as store:
        report = run_job(request, settings, console(stderr=True))
        reader = Reader(store.client, settings.namespace)
        if as_json:
            print_json({"job": document(report), **as_document(reader, sample)})
        else:
            print_report(report)
            print_tables(reader, sample, settings)
        if not no_serve and console().is_terminal:
            stay_up(store.url)


def for_sample(settings: Settings, sample: "Sample") -> Settings:
    """Return settings that fit the sample; its data directory is its own unless one was named."""
    apart = settings.data_dir / "demo" if settings.data_dir == Settings.data_dir else settings.data_dir
    return dataclasses.replace(settings, data_dir=apart, currency=sample.currency, timezone=sample.timezone)


def stay_up(url: str) -> None:
    """Keep the embedded Redis up until Ctrl-C."""
    note(f"Redis stays up at {url} until Ctrl-C.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        note("Stopped; the results are kept.")
