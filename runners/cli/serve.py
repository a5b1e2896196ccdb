"""`interestream serve`: the HTTP API over a Redis."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.output import note, print_json
from runners.settings import Settings

EXAMPLE = "interestream serve --port 8765"
_AUTH: Final = "Who may ask"
_NET: Final = "Where it listens"


@configured(*options.OF_USERS, "host", "port", "keys", "jwt_key", "max_staleness")
def serve(
    *,
    settings: Settings,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TLS: the certificate, PEM.", rich_help_panel=_NET)
    ] = None,
    private_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TLS: its private key, PEM.", rich_help_panel=_NET)
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="A further name it is reached by; may be repeated.", rich_help_panel=_NET
        ),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", help="A site whose pages may ask; may be repeated.", rich_help_panel=_NET
        ),
    ] = None,
    rate_limit: Annotated[
        int, typer.Option(min=0, help="Requests a second of one client; 0: no limit.", rich_help_panel=_NET)
    ] = 500,
    jwt_audience: Annotated[
        str, typer.Option(help="Whom tokens must be for.", rich_help_panel=_AUTH)
    ] = "interestream",
    without_keys: Annotated[
        bool,
        typer.Option("--without-keys", help="Ask nobody for a key, wherever from.", rich_help_panel=_AUTH),
    ] = False,
    ready_staleness: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Not ready when figures are older than this.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Serve figures, attribution, recommendations and a stream of changes over HTTP until Ctrl-C.

    The API describes itself at /openapi.json. From elsewhere than this machine it is reached with keys only, unless
    --without-keys is said.
    """
    from runners.api import open_service, url_of
    from runners.durations import parse_duration
    from runners.embedded_redis import open_redis
    from serving.http.config import ServeConfig
    from serving.http.server import serve as serve_until_told
    from serving.pseudonyms import check_pseudonyms

    config = ServeConfig(
        settings.namespace, settings.host, settings.port, settings.max_staleness_ms,
        parse_duration(ready_staleness) if ready_staleness else None,
        settings.keys, settings.jwt_key, jwt_audience, without_keys, certificate, private_key, rate_limit,
        tuple(origin or ()), tuple(allow_host or ()), settings.pseudonymize,
    )  # fmt: skip

    def listening(port: int) -> None:
        url = url_of(config, port)
        if as_json:
            print_json({"url": url, "openapi": f"{url}/openapi.json"})
            sys.stdout.flush()
        note(f"Serving at {url}; Ctrl-C ends it.")

    with open_redis(settings.redis, settings.data_dir) as redis:
        service = open_service(redis, config)
        check_pseudonyms(service.open_reader().job(), service.pseudonyms)
        serve_until_told(service, listening)
    note("Stopped.")
