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
    """Show the line on a terminal; elsewhere print each new beginning of one, and log the rest."""
    said: set[str] = set()

    def plainly(line: str) -> None:
        head = line.partition(":")[0]
        if head in said:
            _LOG.info("%s", line)
        else:
            said.add(head)
            console.print(line)

    if not console.is_terminal:
        yield plainly
        return
    with console.status("starting …") as status:
        yield status.update
