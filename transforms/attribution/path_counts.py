"""`PathCounts`: the channel paths of every user, as changes of the counts that Markov and Shapley models need.

A path is what a user touched, from node to node (`NODE_NAMES`), up to a paid order, or so far. It ends without an order
where no touch and no payment comes for `window_ms`; what comes after a payment or such a pause begins another. A node
that follows itself is one visit. An order paid without any touch before is no path. Touches of one millisecond stand in
the order of their nodes, and before a payment of that millisecond: event ids, which order them wherever a line's own
touches are credited, would be half of the state here.

Two counts tell all that the models read of any number of paths, and are few whatever the paths: how often each step
was made, by the three nodes before it (a step's target is a node, the conversion, or "not converted so far"), and
how many converted paths had just the nodes of each set. So no path is ever cut off or left out.

Each touch and payment changes counts on its own calendar day. So the counts as of the end of a day are a function of the
set of events up to then. An event that comes out of order counts what follows it of its user anew, which may be
done within the lateness; `settle` lets go of the rest.

Cost: 0.6 µs an event in order. State: a user with a touch within the window takes 35 bytes, an event within the
lateness 25.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.path_nodes import nodes_of
from transforms import views
from transforms.attribution import path_kernels as kernels
from transforms.attribution.sums import not_zero
from transforms.event_view import MINUTE_MS
from transforms.metrics.windows import DayStarts
from transforms.pacing import Sweep
from transforms.state.columns import Columns
from transforms.state.hashing import Hashes
from transforms.state.index import HashIndex
from transforms.state.records import Records

DAY_MS: Final = 86_400_000
PATH_WINDOW_MS: Final = 7 * DAY_MS
FAMILY: Final = "p"
_SWEEPS_A_WINDOW: Final = 168
_FORGET_SHARE: Final = 0.25
_FORGET_LEAST: Final = 50_000

Array = npt.NDArray[Any]


class PathCounts:
    """The paths of one shard of users."""

    def __init__(self, timezone: str, window_ms: int = PATH_WINDOW_MS) -> None:
        self._day_starts, self._window_ms = DayStarts(timezone), window_ms
        self._sweep = Sweep(window_ms // _SWEEPS_A_WINDOW)
        self._users = HashIndex()
        self._user = Columns(head=np.int32, state=np.int32, time=np.int64)
        self._entry = Records(time=np.int64, day=np.int64, state=np.int32, previous=np.int32, node=np.uint8)

    def __len__(self) -> int:
        return len(self._entry)

    def absorb(
        self, touches: pa.RecordBatch, users: Hashes, paid_ms: npt.NDArray[np.int64]
    ) -> pa.RecordBatch:
        """Take touches (as `touches_of` returns them) and who paid when; return the changed counts.

        Columns: day (the minute at which it begins), code (`transforms.attribution.path_days`), and `p`, the change.
        """
        times = np.concatenate([views.numbers(touches["event_time_ms"], np.int64), paid_ms])
        if not len(times):
            return changes_batch(np.zeros(0, np.int64), np.zeros((0, 1), np.int64))
        everyone = np.concatenate([touches["user"].to_numpy(), users])
        nodes = np.full(len(times), kernels.PAYMENT, np.uint8)
        nodes[: touches.num_rows] = nodes_of(touches["channel"])
        order = np.argsort(times, kind="stable")
        return self._absorb(everyone[order], times[order], nodes[order])

    def _absorb(self, users: Hashes, times: Array, nodes: Array) -> pa.RecordBatch:
        rows, first = self._rows_of(users), len(self._entry)
        self._entry.extend(len(times))
        entry = self._entry
        keys, sums = kernels.absorb(
            rows, times, nodes, self._day_starts(times // MINUTE_MS),
            self._user["head"], self._user["state"], self._user["time"],
            (entry["time"], entry["node"], entry["day"], entry["state"], entry["previous"]), first, self._window_ms,
        )  # fmt: skip
        return changes_batch(*not_zero(keys, sums))

    def _rows_of(self, users: Hashes) -> npt.NDArray[np.int32]:
        rows = self._users.rows_of(users)
        more = len(self._users) - len(self._user)
        self._user.extend(more, head=np.full(more, -1))
        return rows

    def settle(self, before_ms: int) -> None:
        """Let go of what no event from `before_ms` on can change: of events before, and of users whose paths are over."""
        if not self._sweep.is_due(before_ms):
            return
        user, entry = self._user, self._entry
        stays = kernels.settle(
            before_ms,
            user["head"],
            user["state"],
            user["time"],
            entry["time"],
            entry["state"],
            entry["previous"],
        )
        number = np.cumsum(stays, dtype=np.int64).astype(np.int32) - 1
        self._entry.keep(np.flatnonzero(stays))
        kernels.renumber(self._entry["previous"], number)
        kernels.renumber(user["head"], number)
        self._forget_users(before_ms - self._window_ms)

    def _forget_users(self, before_ms: int) -> None:
        user = self._user
        over = (user["head"] < 0) & ((user["state"] == 0) | (user["time"] < before_ms))
        if over.sum() < max(_FORGET_LEAST, _FORGET_SHARE * len(over)):
            return
        kept = np.flatnonzero(~over)
        hashes = self._users.state()["keys"][kept]
        self._user.keep(kept)
        self._users = HashIndex()
        self._users.rows_of(hashes)

    def _parts(self) -> dict[str, Any]:
        return {"users": self._users, "user": self._user, "entry": self._entry}

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {name: part.state() for name, part in self._parts().items()}

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`."""
        for name, part in self._parts().items():
            part.load(state[name])


def changes_batch(keys: npt.NDArray[np.int64], sums: npt.NDArray[np.int64]) -> pa.RecordBatch:
    """Return changed counts as a batch; a key is the day and the code."""
    codes = (keys & ((1 << kernels.CODE_BITS) - 1)).astype(np.int32)
    columns = [pa.array(keys >> kernels.CODE_BITS), pa.array(codes), pa.array(sums[:, 0])]
    return pa.RecordBatch.from_arrays(columns, names=["day", "code", FAMILY])
