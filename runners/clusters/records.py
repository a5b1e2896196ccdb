"""Small JSON records that are read and written whole: a reader never sees half of one."""

import json
import os
from pathlib import Path
from typing import Any

from schemas.errors import StateError


def read_record(path: Path) -> dict[str, Any]:
    """Return a record; empty where there is none. Raises StateError for a damaged one."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise StateError(f"The record {path} cannot be read: {error}. Delete it and start again.") from error


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Replace a record at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)
