"""`CouponArms`: both arms of every coupon, as exact sums over the users of all shards.

State: a coupon takes about 300 bytes. Cost: 2 µs a difference, of which each shard sends two a coupon and batch at most.
"""

from typing import Any, Final

import pyarrow as pa

from transforms.attribution.exposure_kernels import SQUARE_BITS
from transforms.attribution.exposures import FAMILY
from transforms.attribution.incrementality import Arm

_EMPTY: Final = Arm(0, 0, 0)


class CouponArms:
    """Sums by a coupon's hash; whole numbers of any size."""

    def __init__(self) -> None:
        self._arms: dict[tuple[int, int], Arm] = {}
        self._changed: set[int] = set()

    def absorb(self, differences: pa.RecordBatch) -> None:
        """Add differences of `Exposures`."""
        for coupon, arm, sums in zip(*(differences[name].to_pylist() for name in _COLUMNS), strict=True):
            users, net, *words = sums
            squares = sum(word << (SQUARE_BITS * at) for at, word in enumerate(words))
            held = self._arms.get((coupon, arm), _EMPTY)
            self._arms[coupon, arm] = Arm(held.users + users, held.net_minor + net, held.squares + squares)
            self._changed.add(coupon)

    def arm(self, coupon: int, arm: int) -> Arm:
        """Return one arm: `exposure_kernels.HELD_OUT` or `EXPOSED`."""
        return self._arms.get((coupon, arm), _EMPTY)

    def take_changed(self) -> list[int]:
        """Return the coupons whose arms changed since the last call, in ascending order."""
        changed = sorted(self._changed)
        self._changed.clear()
        return changed

    def coupons(self) -> set[int]:
        """Return all coupons that have users."""
        return {coupon for coupon, _ in self._arms}

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {"arms": {key: tuple(arm) for key, arm in self._arms.items()}}

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`; every coupon counts as changed, so that it is published again."""
        self._arms = {key: Arm(*sums) for key, sums in state["arms"].items()}
        self._changed = self.coupons()


_COLUMNS: Final = ("coupon", "arm", FAMILY)
