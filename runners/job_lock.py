"""One job at a time in a data directory."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from schemas.errors import UsageError

LOCK: Final = "job.lock"


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Hold the data directory for one job at a time; UsageError where another has it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"Another job is running in {data_dir}. Wait for it, stop it, or name another --data-dir."
            ) from error
        yield
