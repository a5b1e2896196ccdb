"""The options that several commands share, each defined once."""

from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer


class _Panel(NamedTuple):
    """A group of options in the help."""

    title: str

    def option(self, kind: Any, flag: str, metavar: str, says: str, default: str | None = None) -> Any:
        """Define an option whose default stands in the settings and is only told here."""
        shown = typer.Option(
            flag, metavar=metavar, help=says, show_default=default or False, rich_help_panel=self.title
        )
        return Annotated[kind | None, shown]


_WHERE: Final = _Panel("Where the data is")
_TIME: Final = _Panel("Time, order and money")
_LOAD: Final = _Panel("Load")
_NET: Final = _Panel("Where it listens")
_AUTH: Final = _Panel("Who may ask")
_USERS: Final = _Panel("Who users are")

CONFIG: Final = _WHERE.option(Path, "--config", "FILE", "Settings as TOML.", "./interestream.toml")

SETTINGS: Final = {
    "redis": _WHERE.option(str, "--redis", "URL", "A running Redis; without it, an embedded one."),
    "data_dir": _WHERE.option(Path, "--data-dir", "DIR", "Embedded Redis and state.", "./.interestream"),
    "currency": _TIME.option(str, "--currency", "CODE", "The one currency reported in.", "CNY"),
    "timezone": _TIME.option(str, "--timezone", "ZONE", "Whose midnights begin days.", "Asia/Shanghai"),
    "max_out_of_orderness": _TIME.option(
        str, "--max-out-of-orderness", "DURATION", "How far the watermark trails.", "30s"
    ),
    "allowed_lateness": _TIME.option(
        str, "--allowed-lateness", "DURATION", "Events later than this are refused.", "1h"
    ),
    "dedup_horizon": _TIME.option(
        str, "--dedup-horizon", "DURATION", "How long an event id is remembered.", "24h"
    ),
    "order_horizon": _TIME.option(
        str, "--order-horizon", "DURATION", "How long a refund waits for its order.", "30d"
    ),
    "attribution_window": _TIME.option(
        list[str],
        "--attribution-window",
        "NAME",
        "Which touches count; may be repeated, or all.",
        "click_7d_view_1d",
    ),
    "features": _WHERE.option(
        Path, "--features", "FILE", "A Python file that declares feature views, beside those that ship."
    ),
    "pseudonymize": _USERS.option(
        Path, "--pseudonymize", "FILE", "A secret: user ids are replaced by keyed hashes."
    ),
    "sink": _WHERE.option(
        str,
        "--sink",
        "URL",
        "kafka://HOST:PORT or kafka://HOST:PORT/PREFIX: changed metrics and dead letters as messages, too.",
    ),
    "solve_every": _TIME.option(
        str, "--solve-every", "DURATION", "How often markov and shapley are solved anew.", "60s"
    ),
    "batch_rows": _LOAD.option(str, "--batch-rows", "N", "Rows of an Arrow batch.", "65536"),
    "source_parallelism": _LOAD.option(
        str, "--source-parallelism", "N", "At most so many readers of a Kafka topic on a cluster.", "2"
    ),
    "shards": _LOAD.option(
        str, "--shards", "N", "Keys of each step on a cluster: as many as can work side by side.", "2"
    ),
    "checkpoint_every": _LOAD.option(
        str, "--checkpoint-every", "DURATION", "How often state is saved.", "10s"
    ),
    "host": _NET.option(str, "--host", "ADDRESS", "Address to listen on.", "127.0.0.1"),
    "port": _NET.option(str, "--port", "PORT", "Port to listen on; 0: any that is free.", "8765"),
    "max_staleness": _TIME.option(
        str, "--max-staleness", "DURATION", "Answers older than this say that they are stale.", "1m"
    ),
    "keys": _AUTH.option(Path, "--keys", "FILE", "API keys by their hashes, TOML."),
    "jwt_key": _AUTH.option(
        Path, "--jwt-key", "FILE", "What tokens are verified with: a public key, PEM, or a secret."
    ),
}
"""Every setting that has a flag, by the name that `runners.settings` knows it by."""

WHERE: Final = ("redis", "data_dir")
"""The settings of commands that only look things up."""

OF_USERS: Final = (*WHERE, "pseudonymize")
"""The settings of commands that are asked about users, by their true ids."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

Window = Annotated[str, typer.Option("--window", help="minute, hour, day or total.")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="From this moment on: a date, RFC 3339 or epoch ms."),
]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Before this moment.")]
K = Annotated[int, typer.Option("--k", min=1, help="How many.")]

Runner = Annotated[str, typer.Option("--runner", help="DirectRunner, PrismRunner or FlinkRunner.")]
Dims = Annotated[
    Path | None, typer.Option("--dims", metavar="DIR", help="Dimension tables: items, creators, merchants …")
]
NoRecommender = Annotated[bool, typer.Option("--no-recommender", help="Publish figures only; learn nothing.")]
Shadow = Annotated[
    Path | None,
    typer.Option(
        "--shadow",
        metavar="FILE",
        help="A model that learns beside the served one: its settings, JSON or TOML.",
    ),
]
NoAttribution = Annotated[
    bool, typer.Option("--no-attribution", help="Publish figures only; credit nothing.")
]
NoFeatures = Annotated[
    bool, typer.Option("--no-features", help="Publish figures only; keep no feature views.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Forget the saved state and begin again.")]
