"""The command `interestream`: which commands there are, and what becomes of an error.

Only what is light is imported here; Beam, Great Expectations, numba and pyarrow come with the command
that needs them.
"""

import errno
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from runners.cli import (
    attribution,
    certify,
    deadletters,
    demo,
    doctor,
    evaluate,
    explain,
    export,
    features,
    flink,
    import_,
    kafka,
    leaderboard,
    metrics,
    publish,
    recommend,
    replay,
    report,
    run,
    serve,
    simulate,
    validate,
)
from schemas.errors import InterestreamError

BEAM = {"ignore_unknown_options": True, "allow_extra_args": True}
"""Unknown options are Beam's."""

ANYWHERE = ("--debug", "--verbose")
"""Switches that may stand before or after the command."""

app = typer.Typer(
    name="interestream",
    help="The real-time core of interest e-commerce: exact GMV, attribution and recommendations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo", epilog=f"Example: {demo.EXAMPLE}")(demo.demo)
app.command("run", epilog=f"Example: {run.EXAMPLE}", context_settings=BEAM)(run.run)
app.command("replay", epilog=f"Example: {replay.EXAMPLE}", context_settings=BEAM)(replay.replay)
app.command("publish", epilog=f"Example: {publish.EXAMPLE}")(publish.publish)
app.command("simulate", epilog=f"Example: {simulate.EXAMPLE}")(simulate.simulate)
app.command("import", epilog=f"Example: {import_.EXAMPLE}")(import_.import_)
app.command("metrics", epilog=f"Example: {metrics.EXAMPLE}")(metrics.metrics)
app.command("attribution", epilog=f"Example: {attribution.EXAMPLE}")(attribution.attribution)
app.command("leaderboard", epilog=f"Example: {leaderboard.EXAMPLE}")(leaderboard.leaderboard)
app.command("recommend", epilog=f"Example: {recommend.EXAMPLE}")(recommend.recommend)
app.command("serve", epilog=f"Example: {serve.EXAMPLE}")(serve.serve)
app.command("explain", epilog=f"Example: {explain.EXAMPLE}")(explain.explain)
app.command("report", epilog=f"Example: {report.EXAMPLE}")(report.report)
app.command("export", epilog=f"Example: {export.EXAMPLE}")(export.export)
app.command("certify", epilog=f"Example: {certify.EXAMPLE}")(certify.certify)
app.add_typer(deadletters.deadletters, name="deadletters", epilog=f"Example: {deadletters.LIST_EXAMPLE}")
app.add_typer(features.features, name="features", epilog=f"Example: {features.LIST_EXAMPLE}")
app.add_typer(flink.flink, name="flink", epilog=f"Example: {flink.UP_EXAMPLE}")
app.add_typer(kafka.kafka, name="kafka", epilog=f"Example: {kafka.UP_EXAMPLE}")
app.command("validate", epilog=f"Example: {validate.EXAMPLE}")(validate.validate)
app.command("evaluate", epilog=f"Example: {evaluate.EXAMPLE}")(evaluate.evaluate)
app.command("doctor", epilog=f"Example: {doctor.EXAMPLE}")(doctor.doctor)


@app.callback()
def interestream(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the logs of Beam and others.")] = False,
) -> None:
    """Exact GMV, attribution and recommendations of interest e-commerce, in real time."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process: 0 done, 1 failed, 2 asked for wrongly, 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug, verbose = (switch in words for switch in ANYWHERE)
    _set_logging(verbose=verbose)
    try:
        app([word for word in words if word not in ANYWHERE], prog_name="interestream")
    except InterestreamError as error:
        if debug:
            raise
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("Stopped.", 130)
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            _fail(
                f"The disk is full: {error}. Make room, and run the same command again: it goes on where it was.",
                1,
            )
        _fail(f"Unexpected {type(error).__name__}: {error}. Run it again with --debug to see where.", 1)


def _fail(message: str, exit_code: int) -> None:
    sys.stderr.write(f"interestream: {message}\n")
    sys.exit(exit_code)


def _set_logging(*, verbose: bool) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.ERROR, format="%(levelname)s %(name)s: %(message)s"
    )
    if not verbose:
        warnings.simplefilter("ignore")
        # gRPC writes to stderr by itself.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")


if __name__ == "__main__":
    main()
