"""`PathCredit`: credit under `markov` and `shapley`, by the weights of the day each line was paid.

The weights of a day are those of all paths up to its end, so they are known for good only once nothing can change
that day any more: its end is further behind the watermark than events may be late. Until then its lines are held, are
credited by the weights last solved, and credited anew at each solve; after it they are credited once, and corrections by
refunds too, by the weights as they then stood. So a line's credit in the end depends on the set of events alone, live
and in replay alike, and in between every line's credits sum to its net amount.

A line with one node, or none, gives the same whatever the weights, and is not held.

Cost: 1 µs a line held and solve, and for each open day one solve of both models (3 ms at order 1). State: 46 bytes a
line held; of a day that is over its weights, 208 bytes.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.metrics import ATTRIBUTION_WINDOWS, MODELS, PATH_MODELS, credit_group
from transforms.attribution import credit_kernels as kernels
from transforms.attribution.held_lines import HeldLines, Lines
from transforms.attribution.path_days import PathDays
from transforms.attribution.path_weights import ORDER, DayWeights, weights_of
from transforms.attribution.sums import not_zero
from transforms.event_view import MINUTE_MS
from transforms.metrics.partials import FURTHER_CREDIT, partials_batch
from transforms.metrics.windows import DayStarts
from transforms.pieces import AFTER_ALL_MS, BEFORE_ALL_MS

_NOTHING_CLOSED: Final = -(2**40)
Array = npt.NDArray[Any]


class PathCredit:
    """Path counts and lines of all users in, differences of credit out."""

    def __init__(
        self,
        timezone: str,
        lateness_ms: int,
        keep_ms: int,
        numbers: Sequence[Sequence[int]],
        kinds: int = 1,
        order: int = ORDER,
    ) -> None:
        """`numbers` gives, for each group of lines, the number of `PATH_MODELS` in what is emitted; -1 for not at all.

        `kinds` is how many names each touch has: its channel, and the further ones. `keep_ms` is how
        far behind the watermark a line may still be corrected.
        """
        self._groups = np.array(numbers, np.int64).reshape(-1, len(PATH_MODELS))
        self._day_starts, self._order = DayStarts(timezone), order
        self._lateness_ms, self._keep_ms = lateness_ms, keep_ms
        self._days, self._weights, self._closed = PathDays(), DayWeights(), _NOTHING_CLOSED
        self._lines, self._solved, self._forgotten = HeldLines(kinds), True, list[tuple[int, Array]]()

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def weights(self) -> DayWeights:
        """The shares as last solved."""
        return self._weights

    @property
    def is_solved(self) -> bool:
        """Whether no counts have changed since the last solve, so that another would change nothing."""
        return self._solved

    def absorb_counts(self, changes: pa.RecordBatch) -> None:
        """Take changed path counts."""
        self._days.absorb(changes)
        self._solved &= not changes.num_rows

    def absorb(self, lines: pa.RecordBatch) -> list[pa.RecordBatch]:
        """Take lines (`path_lines`); return what channels gain and lose by the weights last solved.

        Two batches of partial sums, `a` of channels and `f` of further ones, as `solve` and `advance` return them too.
        """
        come = self._lines.read(lines)
        keys, sums, _ = self._credit(come, self._weights, 1)
        may_change = (come.many > 1) & (self._day_starts(come.minute) >= self._closed)
        self._lines.hold(come.some(np.flatnonzero(may_change)))
        return self._partials(keys, sums)

    def _credit(self, lines: Lines, weights: DayWeights, sign: int, *table: Any) -> Any:
        keys, sums, used = table or (*kernels.empty_sums(), 0)
        return kernels.credit(
            lines[:6], lines.starts, lines.names, lines.together, self._lines.names.nodes, self._groups,
            weights.rows_of(self._day_starts(lines.minute)), weights.table, sign, keys, sums, used,
        )  # fmt: skip

    def _partials(self, keys: Array, sums: Array) -> list[pa.RecordBatch]:
        keys, adds = not_zero(keys, sums)
        names = (keys >> kernels.MINUTE_BITS) & (kernels.MOST_CHANNELS - 1)
        further = self._lines.names.further[names]
        return [
            self._batch(family, keys[chosen], names[chosen], adds[chosen])
            for family, chosen in (("a", ~further), (FURTHER_CREDIT, further))
        ]

    def _batch(self, family: str, keys: Array, names: Array, adds: Array) -> pa.RecordBatch:
        numbers = keys >> (kernels.MINUTE_BITS + kernels.CHANNEL_BITS)
        minutes = keys & ((1 << kernels.MINUTE_BITS) - 1)
        return partials_batch(
            family, numbers, self._lines.names.texts(names), minutes, np.ascontiguousarray(adds)
        )

    def solve(self) -> list[pa.RecordBatch]:
        """Solve the models for every day still open, and credit its lines anew."""
        solved = ((day, weights_of(counts, self._order)) for day, counts in self._days.open_days())
        weights = self._weights.replaced(self._closed, solved)
        held = self._lines.all()
        taken = self._credit(held, self._weights, -1)
        keys, sums, _ = self._credit(held, weights, 1, *taken)
        self._weights, self._solved = weights, True
        return self._partials(keys, sums)

    def advance(self, watermark_ms: int) -> list[pa.RecordBatch]:
        """Take note of the watermark; where days are over by it, solve them for good and let their lines go."""
        if not BEFORE_ALL_MS < watermark_ms < AFTER_ALL_MS:
            return []
        open_from = np.array([(watermark_ms - self._lateness_ms) // MINUTE_MS])
        before = int(self._day_starts(open_from)[0])
        if before <= self._closed:
            return []
        credit = self.solve()
        self._days.close(before)
        self._closed = before
        self._forgotten += self._weights.forget((watermark_ms - self._keep_ms) // MINUTE_MS)
        self._lines.keep(np.flatnonzero(self._day_starts(self._lines.all().minute) >= before))
        return credit

    def take_forgotten(self) -> list[tuple[int, Array]]:
        """Return days and their weights that have left the state since the last call: lines of them cannot change."""
        forgotten, self._forgotten = self._forgotten, []
        return forgotten

    def _parts(self) -> dict[str, Any]:
        return {"days": self._days, "weights": self._weights, "lines": self._lines}

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {name: part.state() for name, part in self._parts().items()} | {
            "closed": self._closed, "solved": self._solved, "forgotten": list(self._forgotten),
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`."""
        for name, part in self._parts().items():
            part.load(state[name])
        self._closed, self._solved, self._forgotten = state["closed"], state["solved"], state["forgotten"]


def numbers_of_windows(windows: Sequence[str]) -> list[list[int]]:
    """Return what `PathCredit` is told as `numbers` where lines' groups are the places of attribution windows."""
    models = [MODELS.index(model) for model in PATH_MODELS]
    return [[credit_group(ATTRIBUTION_WINDOWS.index(name), model) for model in models] for name in windows]
