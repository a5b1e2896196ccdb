"""Secrets from files: what tokens are verified with, what pseudonyms are made with."""

from pathlib import Path
from typing import Final

from schemas.errors import UsageError

SHORTEST_SECRET: Final = 32


def secret_bytes(path: Path) -> bytes:
    """Return a secret from its file, without blanks around it; raises UsageError for one that could be guessed."""
    try:
        data = path.read_bytes().strip()
    except OSError as error:
        raise UsageError(f"The secret in {path} cannot be read: {error.strerror}.") from error
    if len(data) < SHORTEST_SECRET:
        raise UsageError(
            f"The secret in {path} has {len(data)} bytes; it needs {SHORTEST_SECRET}. Make one: openssl rand -hex 32"
        )
    return data
