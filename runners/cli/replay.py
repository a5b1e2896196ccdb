"""`interestream replay PATH…`: history through the live pipeline."""

from typing import Annotated

import typer

from runners.beam_options import split_beam_options
from runners.cli import options
from runners.cli.configured import configured
from runners.cli.launching import launch, own_options
from runners.jobs_request import JobRequest, parse_speed
from runners.moments import parse_bounds
from runners.settings import Settings
from runners.shadow_file import read_shadow
from transforms.io.kafka_url import is_kafka_url, up_to_now

EXAMPLE = "interestream replay events/ --currency GBP --timezone Europe/London --from 2010-12-01"


@configured(*options.SETTINGS)
def replay(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH…",
            help="Files or folders of events; kafka://HOST:PORT/TOPIC up to its end of now.",
            show_default=False,
        ),
    ] = None,
    *,
    settings: Settings,
    speed: Annotated[
        str, typer.Option(metavar="max|N", help="As fast as it goes, or N times real time.")
    ] = "max",
    from_: options.From = None,
    to: options.To = None,
    runner: options.Runner = "DirectRunner",
    dims: options.Dims = None,
    no_recommender: options.NoRecommender = False,
    shadow: options.Shadow = None,
    no_features: options.NoFeatures = False,
    no_attribution: options.NoAttribution = False,
    fresh: options.Fresh = False,
    as_json: options.Json = False,
) -> None:
    """Replay historical events through the live pipeline; stopped or killed, it resumes where it was.

    Options that are none of these go to Beam; paths stand before them.
    """
    named, beam_options = split_beam_options(paths or [], own_options(context))
    sources = tuple(up_to_now(each) if is_kafka_url(each) else each for each in named)
    from_ms, to_ms = parse_bounds(from_, to, settings.timezone)
    request = JobRequest(
        kind="replay",
        sources=sources,
        runner=runner,
        speed=parse_speed(speed),
        from_ms=from_ms,
        to_ms=to_ms,
        dims=dims,
        recommender=not no_recommender,
        shadow=read_shadow(shadow),
        features=not no_features,
        attribution=not no_attribution,
        fresh=fresh,
        beam_options=beam_options,
    )
    launch(request, settings, as_json=as_json)
