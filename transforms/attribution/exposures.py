"""`Exposures`: which users were eligible for a coupon's exposure, in which arm, and what they spent from then on.

A user belongs to a coupon from the first exposure that it paid for (view or click), or the first ghost exposure, whichever
comes first; of one millisecond the ghost is the first. That one decides the arm, whatever follows: intention to treat. A
first exposure after the coupon's life (`CouponTerms`) makes nobody eligible. What counts is the net of the lines paid
from then until the end of its life and 24 hours, refunds taken off whenever they come.

What is emitted are differences of sums over users (how many, net, squares of net), so they are of the set of events
alone. Until the end of a coupon's life is known it is open.

State: 33 bytes a user, 20 a payment within the lateness or of a user whose coupon has not ended, and 33 a (user, coupon)
until refunds can no longer come. Cost: 0.1 µs an exposure or payment, and for each coupon that the user is in.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms.attribution import exposure_kernels as kernels
from transforms.attribution.coupon_terms import NEVER_MS
from transforms.pacing import Sweep
from transforms.state.columns import Columns
from transforms.state.hashing import Hashes
from transforms.state.index import HashIndex

AFTER_MS: Final = 86_400_000
"""How long after the end of a coupon's life spending counts."""
FAMILY: Final = "c"
_SWEEPS_A_HORIZON: Final = 64

Array = npt.NDArray[Any]
_SPEND: Final = ("time", "amount", "next")
_MEMBER: Final = ("coupon", "first", "arm", "net", "next", "user")


class Exposures:
    """The coupons of one shard of users; `refunds_ms` is how long after its payment a line may still change."""

    def __init__(self, refunds_ms: int) -> None:
        self._refunds_ms = refunds_ms
        self._sweep = Sweep(refunds_ms // _SWEEPS_A_HORIZON)
        self._users, self._coupons = HashIndex(), HashIndex()
        self._user = Columns(spend=np.int32, member=np.int32)
        self._coupon = Columns(ends=np.int64, hash=np.uint64)
        self._spend = Columns(time=np.int64, amount=np.int64, user=np.int32, next=np.int32)
        self._member = Columns(
            first=np.int64, net=np.int64, user=np.int32, coupon=np.int32, next=np.int32, arm=np.uint8
        )

    def __len__(self) -> int:
        return len(self._member)

    def absorb_exposures(
        self, users: Hashes, coupons: Hashes, times_ms: Array, exposed: Array
    ) -> pa.RecordBatch:
        """Take exposures, ghosts where `exposed` is 0; return differences, as all of these do (`sums_batch`)."""
        rows, of = self._rows_of(users), self._coupons_of(coupons)
        self._member.reserve(len(rows))
        sums = self._sums()
        members = kernels.note_exposures(
            rows, of, times_ms, exposed.astype(np.uint8), self._user["member"], self._user["spend"],
            self._spends(), tuple(map(self._member.raw, _MEMBER)), len(self._member), self._coupon["ends"],
            AFTER_MS, sums,
        )  # fmt: skip
        self._member.grown_to(members)
        return self._told(sums)

    def absorb_spending(self, users: Hashes, times_ms: Array, amounts: Array) -> pa.RecordBatch:
        """Take what lines paid at a time net: what they gain, or lose (below 0), each as it changes."""
        rows, used = self._rows_of(users), len(self._spend)
        self._spend.extend(len(rows), user=rows)
        sums = self._sums()
        kernels.note_spending(
            rows, times_ms, amounts, self._user["member"], self._user["spend"],
            self._spends(), self._members(), used, self._coupon["ends"],
            AFTER_MS, sums,
        )  # fmt: skip
        return self._told(sums)

    def absorb_ends(self, coupons: Hashes, ends_ms: Array) -> pa.RecordBatch:
        """Take until when coupons live, as is known by now; the last word counts."""
        of = self._coupons_of(coupons)
        before = self._coupon["ends"].copy()
        self._coupon["ends"][of] = ends_ms
        sums = self._sums()
        if (before != self._coupon["ends"]).any() and len(self._member):
            kernels.move_ends(
                before, self._coupon["ends"], self._user["spend"], self._spends(), self._members(), AFTER_MS, sums
            )  # fmt: skip
        return self._told(sums)

    def _spends(self) -> tuple[Array, ...]:
        return tuple(self._spend[name] for name in _SPEND)

    def _members(self) -> tuple[Array, ...]:
        return tuple(self._member[name] for name in _MEMBER)

    def _rows_of(self, users: Hashes) -> npt.NDArray[np.int32]:
        rows = self._users.rows_of(users)
        more = len(self._users) - len(self._user)
        self._user.extend(more, spend=np.full(more, -1), member=np.full(more, -1))
        return rows

    def _coupons_of(self, coupons: Hashes) -> npt.NDArray[np.int32]:
        rows, known = self._coupons.rows_of(coupons), len(self._coupon)
        more = len(self._coupons) - known
        self._coupon.extend(more, ends=np.full(more, NEVER_MS))
        self._coupon["hash"][rows] = coupons
        return rows

    def _sums(self) -> npt.NDArray[np.int64]:
        return np.zeros((2 * len(self._coupon), kernels.WIDTH), np.int64)

    def _told(self, sums: npt.NDArray[np.int64]) -> pa.RecordBatch:
        rows = np.flatnonzero(sums.any(axis=1))
        return sums_batch(self._coupon["hash"][rows // 2], rows % 2, sums[rows])

    def settle(self, before_ms: int) -> None:
        """Let go of payments and memberships that no event from `before_ms` on can change."""
        if not self._sweep.is_due(before_ms):
            return
        member, spend, user = self._member, self._spend, self._user
        end = self._coupon["ends"][member["coupon"]]
        until = np.where(end == NEVER_MS, member["first"], np.maximum(end + AFTER_MS, member["first"]))
        live = np.zeros(len(user), np.bool_)
        live[member["user"][(until >= before_ms) | (end == NEVER_MS)]] = True
        spend.keep(np.flatnonzero((spend["time"] >= before_ms) | live[spend["user"]]))
        member.keep(np.flatnonzero(until >= before_ms - self._refunds_ms))
        kernels.chain(spend["user"], spend["next"], user["spend"])
        kernels.chain(member["user"], member["next"], user["member"])
        self._forget_users()

    def _forget_users(self) -> None:
        kept = (self._user["spend"] >= 0) | (self._user["member"] >= 0)
        number = np.cumsum(kept, dtype=np.int64).astype(np.int32) - 1
        hashes = self._users.state()["keys"][kept]
        for held in (self._spend, self._member):
            held["user"][:] = number[held["user"]]
        self._user.keep(np.flatnonzero(kept))
        self._users = HashIndex()
        self._users.rows_of(hashes)

    def _parts(self) -> dict[str, Any]:
        return {
            "users": self._users, "coupons": self._coupons, "user": self._user, "coupon": self._coupon,
            "spend": self._spend, "member": self._member,
        }  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {name: part.state() for name, part in self._parts().items()}

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`."""
        for name, part in self._parts().items():
            part.load(state[name])


def sums_batch(coupons: Hashes, arms: Array, sums: Array) -> pa.RecordBatch:
    """Return differences as a batch: coupon (its id's hash), arm (1: exposed), and `c`, a vector of `WIDTH` sums."""
    vector = pa.FixedSizeListArray.from_arrays(pa.array(sums.reshape(-1)), kernels.WIDTH)
    columns = [pa.array(coupons), pa.array(arms.astype(np.uint8)), vector]
    return pa.RecordBatch.from_arrays(columns, names=["coupon", "arm", FAMILY])
