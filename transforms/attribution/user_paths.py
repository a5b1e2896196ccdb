"""`UserPaths`: what one shard of users tells the figures, so that lines can be credited by the paths of all users.

Two batches a piece: how path counts changed (`PathCounts`), and what lines give and take back under each
attribution window (`path_lines`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.attribution import ATTRIBUTION_RULES
from transforms import views
from transforms.attribution.line_paths import LinePaths
from transforms.attribution.origins import UNTOUCHED, Origins
from transforms.attribution.path_counts import PathCounts
from transforms.attribution.path_lines import LineTouches, PaidLines, path_lines
from transforms.event_view import MINUTE_MS


class UserPaths:
    """The paths of one shard of users, and the lines it has heard of since the last `take`."""

    def __init__(self, timezone: str, windows: Sequence[str]) -> None:
        """`windows` are the attribution windows; a line's group is the place of its window among them."""
        self._counts, self._heard = PathCounts(timezone), list[LinePaths]()
        self._groups = {ATTRIBUTION_RULES[name].number: place for place, name in enumerate(windows)}

    def hear(self, paths: LinePaths) -> None:
        """Take lines and their eligible touches; `CreditBook.settle` tells them."""
        if len(paths.counts):
            self._heard.append(paths)

    def take(
        self, touches: pa.RecordBatch, payments: pa.RecordBatch, origins: Origins
    ) -> list[pa.RecordBatch]:
        """Take a piece's touches and payments; return the changed counts, and the lines heard of."""
        users = views.numbers(payments["user"], np.uint64)
        known = users != 0
        times = views.numbers(payments["event_time_ms"], np.int64)
        changes = self._counts.absorb(touches, users[known], times[known])
        return [changes, self._lines(origins)]

    def _lines(self, origins: Origins) -> pa.RecordBatch:
        heard, self._heard = self._heard, []
        counts = _joined([paths.counts for paths in heard])
        sizes = [len(paths.counts) for paths in heard]
        lines = PaidLines(
            np.repeat([self._groups[paths.window] for paths in heard], sizes),
            _joined([paths.pay_time_ms for paths in heard]) // MINUTE_MS,
            _joined([paths.net_minor for paths in heard]),
            _joined([paths.micro_orders for paths in heard]),
            np.repeat([paths.sign for paths in heard], sizes),
            _joined([paths.new_customer for paths in heard]),
        )
        kinds = origins.table.shape[1]
        names = np.concatenate([np.zeros((0, kinds), np.int32), *(paths.names for paths in heard)])
        together = np.concatenate([np.zeros(0, np.bool_), *(paths.together for paths in heard)])
        touches = LineTouches(np.cumsum(counts) - counts, counts, names, together)
        return path_lines(lines, touches, origins.names, origins.nodes, origins.table[UNTOUCHED])

    def settle(self, before_ms: int) -> None:
        """Let go of what no event from `before_ms` on can change."""
        self._counts.settle(before_ms)

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return self._counts.state()

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`."""
        self._counts.load(state)


def _joined(columns: list[Any]) -> Any:
    return np.concatenate([np.zeros(0, np.int64), *columns])
