"""How a command is configured: flags, then `INTERESTREAM_*`, then `interestream.toml`, then defaults.

The only place that reads the environment.

>>> settings = read_settings({"allowed_lateness": "2h"}, {"INTERESTREAM_CURRENCY": "EUR"}, None)
>>> settings.allowed_lateness_ms, settings.currency, settings.timezone
(7200000, 'EUR', 'Asia/Shanghai')
"""

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, NamedTuple

from runners.durations import parse_duration
from schemas.errors import UsageError

CONFIG_FILE: Final = "interestream.toml"
PREFIX: Final = "INTERESTREAM_"
_HIGHEST_PORT: Final = 65_535


@dataclass(frozen=True)
class Settings:
    """Everything that a command may be told, with its default; durations in milliseconds."""

    redis: str | None = None
    data_dir: Path = Path(".interestream")
    namespace: str = "is"
    currency: str = "CNY"
    timezone: str = "Asia/Shanghai"
    max_out_of_orderness_ms: int = 30_000
    allowed_lateness_ms: int = 3_600_000
    dedup_horizon_ms: int = 86_400_000
    order_horizon_ms: int = 30 * 86_400_000
    checkpoint_every_ms: int = 10_000
    attribution_window: str = "click_7d_view_1d"
    """One or more names, a blank between two."""
    solve_every_ms: int = 60_000
    batch_rows: int = 65_536
    source_parallelism: int = 2
    shards: int = 2
    sink: str | None = None
    host: str = "127.0.0.1"
    port: int = 8765
    max_staleness_ms: int = 60_000
    keys: Path | None = None
    jwt_key: Path | None = None
    features: Path | None = None
    """A Python file of feature views."""
    pseudonymize: Path | None = None
    """A file with the secret that ids of users are replaced with."""


class _Given(NamedTuple):
    """A value with the place that it comes from, for messages."""

    value: object
    origin: str


def load_settings(flags: Mapping[str, object] | None = None, config: Path | None = None) -> Settings:
    """Return the settings of this process; see `read_settings`.

    `config` names a TOML file that must exist; without one, `interestream.toml` of the current folder
    is read if it is there.
    """
    default = Path(CONFIG_FILE)
    return read_settings(flags or {}, os.environ, config or (default if default.is_file() else None))


def read_settings(
    flags: Mapping[str, object], environment: Mapping[str, str], config: Path | None
) -> Settings:
    """Merge flags (None: not given), environment and configuration file; the first that has a value counts.

    Names are those of the flags with underscores: `allowed_lateness`, `INTERESTREAM_ALLOWED_LATENESS`.
    Raises UsageError for an unknown name in the file and for a value that cannot be meant.
    """
    given = dict(_from_file(config)) if config else {}
    given.update(_from_environment(environment))
    given.update(_from_flags(flags))
    return Settings(**{_FIELDS[name]: _parsed(name, value) for name, value in given.items()})


def _from_file(path: Path) -> Iterator[tuple[str, _Given]]:
    import tomllib

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"The configuration file {path} does not exist. Correct --config.") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"The configuration file {path} cannot be read: {error}.") from error
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in _FIELDS:
            near = difflib.get_close_matches(name, _FIELDS, n=1)
            known = f"Did you mean {near[0]!r}?" if near else f"It may hold: {', '.join(_FIELDS)}."
            raise UsageError(f"{path} has the unknown setting {key!r}. {known}")
        yield name, _Given(value, f"{key} in {path}")


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, _Given]]:
    for name in _FIELDS:
        variable = PREFIX + name.upper()
        if environment.get(variable):
            yield name, _Given(environment[variable], variable)


def _from_flags(flags: Mapping[str, object]) -> Iterator[tuple[str, _Given]]:
    for name, value in flags.items():
        if value is not None and value != []:
            yield name, _Given(value, f"--{name.replace('_', '-')}")


def _parsed(name: str, given: _Given) -> Any:
    try:
        return _PARSERS.get(_FIELDS[name], _text)(given.value)
    except UsageError as error:
        raise UsageError(f"{given.origin}: {error}.") from None


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise UsageError(f"a text is needed; it is {value!r}")
    return value


def _path(value: object) -> Path:
    return value if isinstance(value, Path) else Path(_text(value)).expanduser()


def _duration(value: object) -> int:
    return parse_duration(_text(value))


def _pause(value: object) -> int:
    milliseconds = _duration(value)
    if milliseconds == 0:
        raise UsageError(f"a duration above 0 is needed; it is {value!r}")
    return milliseconds


def _count(value: object) -> int:
    text = str(value)
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
        raise UsageError(f"a whole number above 0 is needed; it is {value!r}")
    return int(text)


def _port(value: object) -> int:
    text = str(value)
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > _HIGHEST_PORT:
        raise UsageError(f"a port is needed, 0 for any that is free; it is {value!r}")
    return int(text)


def _sink(value: object) -> str:
    from transforms.io.kafka_url import split_kafka_url

    split_kafka_url(_text(value))
    return str(value)


def _currency(value: object) -> str:
    if not re.fullmatch("[A-Z]{3}", _text(value)):
        raise UsageError(f"an ISO 4217 code such as CNY or EUR is needed; it is {value!r}")
    return str(value)


def _namespace(value: object) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]+", _text(value)):
        raise UsageError(f"letters, digits, '.', '_' and '-' are allowed; it is {value!r}")
    return str(value)


def _timezone(value: object) -> str:
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(_text(value)).key
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"an IANA time zone such as Asia/Shanghai or UTC is needed; it is {value!r}"
        ) from None


def _attribution_window(value: object) -> str:
    from schemas.metrics import ATTRIBUTION_WINDOWS

    given = value if isinstance(value, list) else [value]
    named = [name for each in given for name in re.split(r"[\s,]+", str(each).strip())]
    unknown = [name for name in named if name not in (*ATTRIBUTION_WINDOWS, "all")]
    if unknown or not named:
        raise UsageError(
            f"one or more of {', '.join(ATTRIBUTION_WINDOWS)}, or 'all', are needed; it is {value!r}"
        )
    return " ".join(name for name in ATTRIBUTION_WINDOWS if name in named or "all" in named)


_FIELDS: Final = {field.name.removesuffix("_ms"): field.name for field in fields(Settings)}
_PARSERS: Final[Mapping[str, Callable[[object], object]]] = {
    "data_dir": _path,
    "features": _path,
    "pseudonymize": _path,
    "namespace": _namespace,
    "currency": _currency,
    "timezone": _timezone,
    "max_out_of_orderness_ms": _duration,
    "allowed_lateness_ms": _duration,
    "dedup_horizon_ms": _duration,
    "order_horizon_ms": _duration,
    "checkpoint_every_ms": _pause,
    "solve_every_ms": _pause,
    "attribution_window": _attribution_window,
    "batch_rows": _count,
    "source_parallelism": _count,
    "shards": _count,
    "sink": _sink,
    "port": _port,
    "max_staleness_ms": _duration,
    "keys": _path,
    "jwt_key": _path,
}
