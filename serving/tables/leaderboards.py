"""`leaderboards.parquet`: the first hundred ids of each scope, metric and window."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.metrics import BOARD_PLACES, BOARD_WINDOWS, METRICS
from schemas.outputs import EXPORTS
from serving.tables.order import constant

_WINDOWS: Final = sorted(BOARD_WINDOWS)


def scope_leaderboards(metrics: pa.Table) -> pa.Table:
    """Return the leaderboards of one scope from its sorted metrics, by metric, window and rank.

    Only values above 0 have a place; equal ones stand in the order of their ids.
    """
    kept = metrics.filter(pc.is_in(metrics["window"], pa.array(_WINDOWS)))
    boards = [_board(kept, metric) for metric in sorted(METRICS)]
    return pa.concat_tables([EXPORTS["leaderboards"].empty_table(), *boards])


def _board(metrics: pa.Table, metric: str) -> pa.Table:
    running = metrics.filter(pc.greater(metrics[metric], 0))
    group = _group_numbers(running)
    # The sort is stable and rows come in the order of their ids, which so decides between equal values.
    order = np.lexsort((-running[metric].to_numpy(), group))
    rank = _rank_in_group(group[order])
    leading = running.take(order[rank <= BOARD_PLACES])
    return pa.Table.from_arrays(
        [
            leading["scope"],
            constant(metric, leading.num_rows),
            leading["window"],
            leading["window_start"],
            pa.array(rank[rank <= BOARD_PLACES], pa.int32()),
            leading["id"],
            leading[metric],
        ],
        schema=EXPORTS["leaderboards"],
    )


def _group_numbers(metrics: pa.Table) -> NDArray[np.int64]:
    """Number the (window, start) of each row, in the order of windows and starts."""
    window = np.searchsorted(_WINDOWS, metrics["window"].to_numpy())
    start = pc.fill_null(metrics["window_start"].cast(pa.int64()), -1).to_numpy()
    _, number = np.unique(np.stack([window, start]), axis=1, return_inverse=True)
    return number.reshape(-1)


def _rank_in_group(sorted_groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count 1, 2, 3 … within each run of equal numbers."""
    place = np.arange(len(sorted_groups))
    begins = np.flatnonzero(np.diff(sorted_groups, prepend=-1))
    return place - np.repeat(begins, np.diff(begins, append=len(sorted_groups))) + 1
