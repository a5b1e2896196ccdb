"""`interestream demo`: the main job, on a simulated evening or on the real sample that ships."""

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
from schemas.errors import UsageError

if TYPE_CHECKING:
    from runners.demo_sample import Sample

EXAMPLE = "interestream demo --no-serve"
SIMULATED = "simulated"
ONLINE_RETAIL = "online-retail"
DATA = (SIMULATED, ONLINE_RETAIL)


@configured(*options.WHERE)
def demo(
    *,
    settings: Settings,
    data: Annotated[
        str,
        typer.Option(
            "--data", help="simulated: an evening of live rooms; online-retail: a real shop's month."
        ),
    ] = SIMULATED,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Print the summary and exit.")] = False,
    no_recommender: options.NoRecommender = False,
    no_features: options.NoFeatures = False,
    fresh: options.Fresh = False,
    as_json: options.Json = False,
) -> None:
    """Replay a simulated evening of live rooms, or a real shop's month, into an embedded Redis and show what comes out.

    The results stay in ./.interestream/demo or demo-online-retail (or --data-dir); a second time there is nothing left
    to do. The evening is synthetic: made on the spot, from a fixed seed, with known truth beside it.
    """
    from runners.cli.demo_summary import as_document, print_tables
    from runners.embedded_redis import open_redis
    from runners.jobs import run_job
    from serving.reader import Reader

    settings = _apart(settings, data)
    sample = _sample(data, settings)
    settings = dataclasses.replace(settings, currency=sample.currency, timezone=sample.timezone)
    request = JobRequest(
        "replay",
        (str(sample.path),),
        dims=sample.dims,
        recommender=not no_recommender,
        features=not no_features,
        fresh=fresh,
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


def _apart(settings: Settings, data: str) -> Settings:
    """Return settings with a data directory of the demo's own, unless one was named."""
    if data not in DATA:
        raise UsageError(f"--data is one of {', '.join(DATA)}; it is {data!r}.")
    if settings.data_dir != Settings.data_dir:
        return settings
    own = "demo" if data == SIMULATED else f"demo-{data}"
    return dataclasses.replace(settings, data_dir=settings.data_dir / own)


def _sample(data: str, settings: Settings) -> "Sample":
    if data == ONLINE_RETAIL:
        from runners.demo_sample import find_sample

        return find_sample()
    from runners.demo_evening import simulated_evening

    return simulated_evening(settings.data_dir)


def stay_up(url: str) -> None:
    """Keep the embedded Redis up until Ctrl-C."""
    note(f"Redis stays up at {url} until Ctrl-C.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        note("Stopped; the results are kept.")
