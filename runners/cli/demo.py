"""`interestream demo`: the main job, on a simulated evening or on the real sample that ships."""

import dataclasses
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
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
    from runners.embedded_redis import OpenRedis

EXAMPLE = "interestream demo --no-serve"
SIMULATED = "simulated"
ONLINE_RETAIL = "online-retail"
DATA = (SIMULATED, ONLINE_RETAIL)


@configured(*options.OF_USERS, "port")
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
    to do. The evening is synthetic: made on the spot, from a fixed seed, with known truth beside it. While it is
    replayed, and then until Ctrl-C, the HTTP API serves it on this machine alone.
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
    with (
        open_redis(settings.redis, settings.data_dir) as store,
        nullcontext() if no_serve else _served(store, settings) as url,
    ):
        report = run_job(request, settings, console(stderr=True))
        reader = Reader(store.client, settings.namespace)
        if as_json:
            print_json({"job": document(report), **as_document(reader, sample, settings)})
        else:
            print_report(report)
            print_tables(reader, sample, settings)
        if url is not None:
            _stay_up(url)


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


@contextmanager
def _served(store: "OpenRedis", settings: Settings) -> Iterator[str]:
    """Serve the API beside the job, at another port if this one is taken; gives the URL."""
    from runners.api import free_port, open_service, serving_beside
    from serving.http.config import ServeConfig

    port, secret = free_port(settings.port), settings.pseudonymize
    service = open_service(store, ServeConfig(settings.namespace, port=port, pseudonym_file=secret))
    with serving_beside(service) as url:
        note(f"Serving at {url}, while the replay runs and after it.")
        yield url


def _stay_up(url: str) -> None:
    """Wait for Ctrl-C or SIGTERM."""
    ended = threading.Event()
    before = {
        number: signal.signal(number, lambda _number, _frame: ended.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    note(f"The live wall is at {url} until Ctrl-C; what the API can be asked: {url}/openapi.json")
    ended.wait()
    for number, handler in before.items():
        signal.signal(number, handler)
    note("Stopped; the results are kept.")
