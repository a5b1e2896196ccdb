"""`interestream serve`: the HTTP API over a Redis."""

from pathlib import Path
from typing import Annotated, Final

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.output import note
from runners.settings import Settings

EXAMPLE = "interestream serve --port 8765"
_AUTH: Final = "Who may ask"
_NET: Final = "Where it listens"


@configured(*options.WHERE)
def serve(
    *,
    settings: Settings,
    host: Annotated[str, typer.Option(help="Address to listen on.", rich_help_panel=_NET)] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port; 0: any that is free.", rich_help_panel=_NET)
    ] = 8765,
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
    keys: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="API keys by their hashes, TOML.", rich_help_panel=_AUTH),
    ] = None,
    jwt_key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What signs tokens: a public key, PEM, or a secret.", rich_help_panel=_AUTH
        ),
    ] = None,
    jwt_audience: Annotated[
        str, typer.Option(help="Whom tokens must be for.", rich_help_panel=_AUTH)
    ] = "interestream",
    without_keys: Annotated[
        bool,
        typer.Option("--without-keys", help="Ask nobody for a key, wherever from.", rich_help_panel=_AUTH),
    ] = False,
    pseudonymize: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A secret: user ids in requests are hashed with it.", rich_help_panel=_AUTH
        ),
    ] = None,
    max_staleness: Annotated[
        str, typer.Option(metavar="DURATION", help="Answers older than this say that they are stale.")
    ] = "1m",
    ready_staleness: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Not ready when figures are older than this.")
    ] = None,
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

    config = ServeConfig(
        settings.namespace, host, port, parse_duration(max_staleness),
        parse_duration(ready_staleness) if ready_staleness else None,
        keys, jwt_key, jwt_audience, without_keys, certificate, private_key, rate_limit,
        tuple(origin or ()), tuple(allow_host or ()), pseudonymize,
    )  # fmt: skip
    with open_redis(settings.redis, settings.data_dir) as redis:
        serve_until_told(
            open_service(redis, config),
            lambda address: note(f"Serving at {url_of(config, address)}; Ctrl-C ends it."),
        )
    note("Stopped.")
