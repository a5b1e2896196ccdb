"""How long one thread keeps the interpreter while others of its process wait for it.

A worker on a cluster has a thread for each step, and on one machine the last steps have threads of their own. Each call
into Arrow, numpy or a kernel gives the interpreter up, and has it back only when whoever took it meanwhile has had a turn:
with Python's 5 ms a piece that makes a hundred such calls waits half a second for what it could do in ten milliseconds.
"""

import sys
from typing import Final

TURN_S: Final = 0.0005


def take_short_turns() -> None:
    """Let threads of this process take turns of half a millisecond; to be called where a step is set up.

    >>> take_short_turns()
    >>> round(sys.getswitchinterval(), 6) == TURN_S
    True
    """
    sys.setswitchinterval(TURN_S)
