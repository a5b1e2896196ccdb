"""How far a job is: a line that moves on a terminal, a log line now and then elsewhere."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console

    from transforms.checkpoints import Checkpoints

_LOG: Final = logging.getLogger(__name__)
_SCREENS_A_SECOND: Final = 4
_SCREEN_EVERY_S: Final = 1 / _SCREENS_A_SECOND
_LOG_EVERY_S: Final = 10.0


@contextmanager
def show_progress(checkpoints: "Checkpoints", openers: list[Any], console: "Console") -> Iterator[None]:  # noqa: ARG001
    """Show events read, their rate and the event time reached, until the job ends."""
    began, before, last = time.monotonic(), checkpoints.counters.get("events", 0), 0.0
    every_s = _SCREEN_EVERY_S if console.is_terminal else _LOG_EVERY_S

    # Drawing takes the interpreter from the pipeline: a few times a second, and never where nobody looks.
    shown = (
        console.status("starting …", refresh_per_second=_SCREENS_A_SECOND) if console.is_terminal else None
    )
    with shown or nullcontext() as status:

        def tell(job: "Checkpoints") -> None:
            nonlocal last
            now = time.monotonic()
            if now - last < every_s:
                return
            last = now
            line = _line(job, job.counters.get("events", 0) - before, now - began)
            if status is not None:
                status.update(line)
            else:
                _LOG.info("%s", line)

        checkpoints.on_progress = tell
        yield


def _line(job: "Checkpoints", events: int, seconds: float) -> str:
    reached = datetime.fromtimestamp(max(job.highest_ms, 0) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{events:,} events · {events / max(seconds, 1e-9):,.0f}/s · reached {reached} UTC"
