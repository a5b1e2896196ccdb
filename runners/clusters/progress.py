"""What a cluster is doing while it is fetched and started: one line at a time."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console

Tell = Callable[[str], None]
"""Takes one line that says what is being done."""

_LOG: Final = logging.getLogger(__name__)


@contextmanager
def telling(console: "Console") -> Iterator[Tell]:
    """Show the line on a terminal; elsewhere print each new beginning of one, and log what else is new."""
    said: set[str] = set()
    last = ""

    def plainly(line: str) -> None:
        nonlocal last
        head = line.partition(":")[0]
        if head not in said:
            said.add(head)
            console.print(line)
        elif line != last:
            _LOG.info("%s", line)
        last = line

    if not console.is_terminal:
        yield plainly
        return
    with console.status("starting …") as status:
        yield status.update
