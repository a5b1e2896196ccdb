"""`Aside`: a last step's shard on a thread of its own, so that the pipeline goes on while it works.

For steps that nothing follows, on one machine: what they do is mostly compiled code and waiting for the store,
both of which leave the interpreter to others. Pieces are absorbed one at a time in the order handed over, so
results are the same; at most `_BACKLOG` wait, so memory is bounded and a slow step slows the source. A local
checkpoint settles it first.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from transforms.pieces import Piece

if TYPE_CHECKING:
    from transforms.shards import Shard

_BACKLOG: Final = 2


class Aside:
    """Absorbs pieces on a second thread; what fails there is raised at the next call here."""

    def __init__(self, name: str, shard: "Shard", done: Callable[[Piece], None]) -> None:
        self._shard, self._done = shard, done
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._under_way: deque[Future[None]] = deque()

    def hand(self, piece: Piece) -> None:
        """Hand over one piece; waits while too many are under way."""
        while self._under_way and (len(self._under_way) > _BACKLOG or self._under_way[0].done()):
            self._under_way.popleft().result()
        self._under_way.append(self._thread.submit(self._absorb, piece))

    def settle(self) -> None:
        """Return once everything handed over has been absorbed."""
        while self._under_way:
            self._under_way.popleft().result()

    def close(self) -> None:
        """Let the thread end once it has absorbed what it was handed; a failure waits for `settle`."""
        self._thread.shutdown(wait=True)

    def _absorb(self, piece: Piece) -> None:
        for tag, _ in self._shard.absorb(piece):
            raise TypeError(f"A step beside the pipeline cannot send anything; it sent to {tag!r}.")
        self._done(piece)
