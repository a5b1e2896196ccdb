"""`interestream run SOURCE…`: the live pipeline."""

from typing import Annotated

import typer

from runners.beam_options import split_beam_options
from runners.cli import options
from runners.cli.configured import configured
from runners.cli.launching import launch, own_options
from runners.jobs_request import JobRequest
from runners.settings import Settings
from runners.shadow_file import read_shadow

EXAMPLE = "interestream run 'redis://localhost:6379/0?stream=events' --dims dims --currency EUR"


@configured(*options.SETTINGS)
def run(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE…",
            help="Files, folders, redis://…?stream=KEY or kafka://HOST:PORT/TOPIC.",
            show_default=False,
        ),
    ] = None,
    *,
    settings: Settings,
    runner: options.Runner = "DirectRunner",
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what is added to files and folders.")
    ] = False,
    dims: options.Dims = None,
    no_recommender: options.NoRecommender = False,
    shadow: options.Shadow = None,
    no_features: options.NoFeatures = False,
    no_attribution: options.NoAttribution = False,
    fresh: options.Fresh = False,
    as_json: options.Json = False,
) -> None:
    """Run the live pipeline over streams, files or folders; stopped or killed, it resumes where it was.

    Options that are none of these go to Beam; sources stand before them.
    """
    named, beam_options = split_beam_options(sources or [], own_options(context))
    request = JobRequest(
        kind="run",
        sources=named,
        runner=runner,
        follow=follow,
        dims=dims,
        recommender=not no_recommender,
        shadow=read_shadow(shadow),
        features=not no_features,
        attribution=not no_attribution,
        fresh=fresh,
        beam_options=beam_options,
    )
    launch(request, settings, as_json=as_json)
