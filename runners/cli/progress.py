"""How far something is: a moving line on a terminal, nothing where nobody looks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from runners.cli.output import console


@contextmanager
def counting() -> Iterator[Callable[[str, int], None]]:
    """Give a function to be told a name and the rows done of it so far."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda _name, _rows: None
        return
    with screen.status("…") as status:
        yield lambda name, rows: status.update(f"{name}: {rows:,} rows")
