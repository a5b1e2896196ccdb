"""What to say when a process of a cluster does not come up or is not there."""

from pathlib import Path
from typing import Final

from schemas.errors import JobError

LAST_LINES: Final = 40
_TELLING: Final = ("Caused by", "Exception", "Error", "error")


def last_words(log: Path) -> str:
    """Return the line of a log that most likely says what went wrong."""
    lines = tail(log, LAST_LINES)
    telling = [line.strip() for line in lines if any(word in line for word in _TELLING)]
    return telling[-1] if telling else (lines[-1].strip() if lines else "nothing")


def tail(log: Path, lines: int) -> list[str]:
    """Return the last lines of a log; none where there is no log."""
    if not log.exists():
        return []
    return log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]


def did_not_start(name: str, log: Path, how: str) -> JobError:
    """Return the error for a process that did not come up."""
    return JobError(f"{name} {how}. Its log {log} says: {last_words(log)}")
