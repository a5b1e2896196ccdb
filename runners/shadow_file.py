"""A file that says how a model in the shadow of the served one is set."""

import json
import tomllib
from pathlib import Path
from typing import Any

from schemas.errors import UsageError


def read_shadow(path: Path | None) -> dict[str, Any] | None:
    """Return the settings that a JSON or TOML file gives, checked; None where there is no file.

    Raises UsageError that says what in the file cannot be meant.
    """
    if path is None:
        return None
    from online_models.shadow_settings import checked_settings

    try:
        return checked_settings(_table(path))
    except UsageError as error:
        raise UsageError(f"--shadow {path}: {error}") from None


def _table(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        read = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except FileNotFoundError as error:
        raise UsageError("the file does not exist. Correct the path.") from error
    except (OSError, ValueError) as error:
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise UsageError(f"it cannot be read as {kind}: {error}.") from error
    if not isinstance(read, dict):
        raise UsageError(f'an object is needed, such as {{"rate": 0.1}}; it is {json.dumps(read)[:80]}.')
    return read
