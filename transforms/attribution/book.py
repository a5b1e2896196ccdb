"""`CreditBook`: every user's touches within the window, and what each paid line owes to which of them.

A line is credited as soon as it is seen, and again whenever a late touch or a refund changes it: what it
gave is taken back, then given anew, so totals never count it twice. A line keeps its own touches' ids until its
refunds can no longer come.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.attribution import ATTRIBUTION_RULES, CLICKED, NO_VIEWS, PAID, SAME_SESSION, numbers_of, widest
from schemas.metrics import DEFAULT_ATTRIBUTION_WINDOW, TOUCH_MODELS, credit_group
from transforms.attribution import kernels
from transforms.attribution.held_touches import HeldTouches
from transforms.attribution.line_paths import LinePaths, Spent, Watch
from transforms.attribution.origins import UNTOUCHED, Origins
from transforms.attribution.pins import Pins
from transforms.attribution.sealed_touches import Found
from transforms.metrics.partials import FURTHER_CREDIT, partials_batch
from transforms.pacing import Sweep
from transforms.state.columns import Columns
from transforms.state.index import HashIndex
from transforms.state.records import Records
from transforms.state.texts import Texts

_FORGET_SHARE: Final = 0.25
_FORGET_LEAST: Final = 50_000
_SWEEPS_A_WINDOW: Final = 32
_NEVER_MS: Final = np.iinfo(np.int64).min
_MODELS: Final = len(TOUCH_MODELS)

Array = npt.NDArray[Any]
_Names = tuple[str, str, str, str]
_NOW: Final[_Names] = ("pay_time", "net", "micro", "is_new")
_BOOKED: Final[_Names] = ("booked_time", "booked_net", "booked_micro", "booked_new")
"""Where a line's time, amounts and customer stand: as they are, and as they were credited."""
CreditBody = tuple[int, int, int, list[str], list[str], list[int], list[int]]
"""The fields of `schemas.records.CreditRecord`, in order."""


class CreditBook:
    """All attribution state of one shard of users."""

    def __init__(
        self,
        order_horizon_ms: int,
        windows: Sequence[str] = (DEFAULT_ATTRIBUTION_WINDOW,),
        further: tuple[str, ...] = (),
    ) -> None:
        """`windows` are the attribution windows to credit under, at least one; `further` the further channels."""
        self._clicks_ms, self._views_ms = widest(windows)
        self._order_horizon_ms = order_horizon_ms
        self._longest_ms = max(self._clicks_ms, self._views_ms)
        self._sweep = Sweep(self._longest_ms // _SWEEPS_A_WINDOW)
        self._set_rules(windows)
        self._users, self._lines = HashIndex(), HashIndex()
        self._user = Records(hash=np.uint64, last_payment=np.int64, line=np.int32)
        self._held = HeldTouches(self._clicks_ms, self._views_ms)
        self._line = Records(
            pay_time=np.int64, net=np.int64, micro=np.int64, place=np.uint64, merchant=np.uint64, hash=np.uint64,
            booked_time=np.int64, booked_net=np.int64, booked_micro=np.int64, pin_start=np.int64, pin_count=np.int32,
            user=np.int32, next=np.int32,
        )  # fmt: skip
        self._mark = Columns(
            dirty=np.uint8, booked=np.uint8, unpublished=np.uint8, is_new=np.uint8, booked_new=np.uint8
        )
        self._order_ids, self._item_ids = Texts(), Texts()
        self._pins, self._origins = Pins(), Origins(further)

    def _set_rules(self, windows: Sequence[str]) -> None:
        rules = [ATTRIBUTION_RULES[name] for name in windows]
        self._numbers = [rule.number for rule in rules]
        self._rules = np.array([numbers_of(rule) for rule in rules], np.int64)
        self._only_in_room = all(rule.in_room for rule in rules)
        self._groups = np.array(
            [credit_group(rule.number, model) for rule in rules for model in range(_MODELS)], np.int64
        )

    def __len__(self) -> int:
        return len(self._held)

    def absorb_touches(self, touches: pa.RecordBatch) -> None:
        """Add touches (columns of `touches_of`)."""
        if self._views_ms == NO_VIEWS:
            touches = touches.filter(pa.array(touches["click"].to_numpy() != 0))
        if not touches.num_rows:
            return
        users, clicks = self._users_of(touches["user"].to_numpy()), touches["click"].to_numpy()
        times, places, merchants = (
            touches[name].to_numpy() for name in ("event_time_ms", "place", "merchant")
        )
        self._held.add(
            touches["event_id"], time=times, place=places, merchant=merchants, user=users,
            origin=self._origins.of(touches), click=clicks,
        )  # fmt: skip
        line = self._line
        kernels.disturb_lines(
            users, times, clicks, places, merchants, self._user["line"], self._user["last_payment"],
            (line["next"], line["pay_time"], line["place"], line["merchant"]), self._mark["dirty"],
            self._clicks_ms, self._views_ms,
        )  # fmt: skip

    def _users_of(self, hashes: Array) -> npt.NDArray[np.int32]:
        known = len(self._users)
        rows = self._users.rows_of(hashes)
        more = len(self._users) - known
        new = np.empty(more, np.uint64)
        new[rows[rows >= known] - known] = hashes[rows >= known]
        self._user.extend(more, hash=new, last_payment=np.full(more, _NEVER_MS), line=np.full(more, -1))
        self._held.admit_users(len(self._users))
        return rows

    def absorb_lines(self, lines: pa.RecordBatch) -> None:
        """Take order lines as they now stand (columns of `OrderEffects.lines`); repeats are harmless."""
        if not lines.num_rows:
            return
        users, known = self._users_of(lines["user"].to_numpy()), len(self._lines)
        rows = self._lines.rows_of(lines["line"].to_numpy())
        new = np.flatnonzero(rows >= known)
        self._line.extend(len(new), user=users[new], hash=lines["line"].to_numpy()[new])
        self._mark.extend(len(new))
        self._order_ids.extend(lines["order_id"].take(pa.array(new)))
        self._item_ids.extend(lines["item_id"].take(pa.array(new)))
        kernels.link_lines(known, self._line["user"], self._line["next"], self._user["line"])
        self._update_lines(rows, lines)

    def _update_lines(self, rows: npt.NDArray[np.int32], lines: pa.RecordBatch) -> None:
        line, mark = self._line, self._mark
        pay_time = lines["pay_time_ms"].to_numpy()
        kernels.note_payments(line["user"][rows], pay_time, self._user["last_payment"])
        moved = (line["pay_time"][rows] != pay_time) | (line["place"][rows] != lines["room"].to_numpy())
        moved |= mark["booked"][rows] == 0
        mark["dirty"][rows] = np.maximum(
            mark["dirty"][rows],
            np.where(moved, kernels.TOUCHES_CHANGED, kernels.AMOUNT_CHANGED).astype(np.uint8),
        )
        line["pay_time"][rows] = pay_time
        for name, column in (
            ("net", "net_minor"),
            ("micro", "micro_orders"),
            ("place", "room"),
            ("merchant", "merchant"),
        ):
            line[name][rows] = lines[column].to_numpy()

    def tell_customers(self, lines: Array, is_new: Array) -> None:
        """Say which lines are of a user's first order with the merchant: 1, 0, or -1 where that is not known.

        Lines by their hashes; those the book does not have are let be, and are to be told again when they come.
        """
        rows = self._lines.find(lines)
        told = (rows >= 0) & (is_new >= 0)
        rows, is_new = rows[told], is_new[told].astype(np.uint8)
        changed = self._mark["is_new"][rows] != is_new
        rows, mark = rows[changed], self._mark
        mark["is_new"][rows] = is_new[changed]
        mark["dirty"][rows] = np.maximum(mark["dirty"][rows], np.uint8(kernels.AMOUNT_CHANGED))

    def settle(self, watch: Watch | None = None, spent: Spent | None = None) -> list[pa.RecordBatch]:
        """Credit every changed line anew; return what channels lose and gain, as partial sums.

        Family `a` is of channels, `f` of further ones; groups are those of `credit_group`. `watch` hears of
        the paths of all these lines, first of what is taken back; names are numbers of `origins`. `spent` hears what
        users paid net, and when, as it changes.
        """
        line, mark = self._line, self._mark
        dirty = np.flatnonzero(mark["dirty"])
        before = dirty[mark["booked"][dirty] == 1]
        if spent:
            spent(*self._spending(dirty))
        taken = self._book(before, _BOOKED, -1, watch)
        self._pin(dirty[mark["dirty"][dirty] == kernels.TOUCHES_CHANGED])
        for now, booked in zip(_NOW[:-1], _BOOKED[:-1], strict=True):
            line[booked][dirty] = line[now][dirty]
        mark["booked_new"][dirty] = mark["is_new"][dirty]
        given = self._book(dirty, _NOW, 1, watch)
        mark["booked"][dirty], mark["unpublished"][dirty], mark["dirty"][dirty] = 1, 1, kernels.CLEAN
        return self._partials(np.concatenate([taken, given]))

    @property
    def origins(self) -> Origins:
        """Whose names `LinePaths` has as numbers."""
        return self._origins

    def _spending(self, dirty: Array) -> tuple[Array, Array, Array]:
        """Return users, times and amounts of what some lines no longer are (below 0) and of what they are."""
        line, booked = self._line, self._mark["booked"][dirty] == 1
        changed = ~booked | (line["net"][dirty] != line["booked_net"][dirty])
        rows = dirty[changed | (line["pay_time"][dirty] != line["booked_time"][dirty])]
        before = rows[self._mark["booked"][rows] == 1]
        users = self._user["hash"][line["user"][np.concatenate([before, rows])]]
        times = np.concatenate([line["booked_time"][before], line["pay_time"][rows]])
        amounts = np.concatenate([-line["booked_net"][before], line["net"][rows]])
        told = amounts != 0
        return users[told], times[told], amounts[told]

    def _paths(self, rows: Array, names: _Names, sign: int) -> Iterator[LinePaths]:
        line, (origin, age, flags) = self._line, self._pins.columns()
        pay_times, nets, micros = (line[name][rows] for name in names[:-1])
        is_new = self._mark[names[-1]][rows]
        for window, rule in zip(self._numbers, self._rules, strict=True):
            starts, counts = line["pin_start"][rows], line["pin_count"][rows]
            pins, many = kernels.eligible_pins(starts, counts, age, flags, rule)
            together = flags[pins] & SAME_SESSION != 0
            channels = self._origins.table[origin[pins]]
            yield LinePaths(window, sign, pay_times, nets, micros, is_new, many, channels, together)

    def _book(self, rows: Array, names: _Names, sign: int, watch: Watch | None = None) -> Array:
        """Return group, name, minute and counts of what some lines give or gave."""
        line = self._line
        if watch:
            for paths in self._paths(rows, names, sign):
                watch(paths)
        fields = ("pin_start", "pin_count", *names[:-1])
        held, sums = kernels.book(
            (*(line[name][rows] for name in fields), self._mark[names[-1]][rows]), self._pins.columns(),
            self._origins.table, UNTOUCHED, self._rules, _MODELS, sign,
        )  # fmt: skip
        return kernels.spread(held, sums, self._groups)

    def _pin(self, rows: Array) -> None:
        """Copy each line's eligible touches of the widest window beside it."""
        if not len(rows):
            return
        line = self._line
        places, pay_time = line["place"][rows], line["pay_time"][rows]
        found = self._held.eligible(line["user"][rows], pay_time, places, line["merchant"][rows])
        if self._only_in_room:
            found = _kept(found, _together(found, places))
        counts = np.bincount(found.line, minlength=len(rows))
        line["pin_start"][rows] = len(self._pins) + np.cumsum(counts) - counts
        line["pin_count"][rows] = counts
        flags = (
            found.click * CLICKED
            + _together(found, places) * SAME_SESSION
            + self._origins.paid[found.origin] * PAID
        )
        self._pins.add(found, pay_time[found.line] - found.time, flags)

    def _partials(self, booked: Array) -> list[pa.RecordBatch]:
        further = self._origins.further[booked[:, 1]] != 0
        parts = (("a", booked[~further]), (FURTHER_CREDIT, booked[further]))
        return [
            partials_batch(
                family,
                rows[:, 0],
                self._origins.names(rows[:, 1]),
                rows[:, 2],
                np.ascontiguousarray(rows[:, 3:]),
            )
            for family, rows in parts
        ]

    def take_credits(self) -> Iterator[tuple[str, str, CreditBody]]:
        """Yield (order_id, item_id, the fields of a `CreditRecord`) of every line credited anew since the last call."""
        rows = np.flatnonzero(self._mark["unpublished"])
        self._mark["unpublished"][rows] = 0
        yield from self._credits(rows)

    def unpublish(self) -> None:
        """Call every line credited anew, as after what was published of them was lost."""
        self._mark["unpublished"][:] = self._mark["booked"]

    def _credits(self, rows: npt.NDArray[np.int64]) -> Iterator[tuple[str, str, CreditBody]]:
        line = self._line
        counts = line["pin_count"][rows].astype(np.int64)
        times, nets, micros = (line[name][rows].tolist() for name in ("pay_time", "net", "micro"))
        orders, items = self._order_ids.take(rows).to_pylist(), self._item_ids.take(rows).to_pylist()
        pins = _ranges(line["pin_start"][rows], counts)
        origin, age, flag = (column[pins] for column in self._pins.columns())
        ids, ages, flags = self._pins.ids(pins).to_pylist(), age.tolist(), flag.tolist()
        channels = self._origins.name_list(self._origins.table[origin, 0])
        at = 0
        for i, count in enumerate(counts.tolist()):
            upto = at + count
            touches = ids[at:upto], channels[at:upto], ages[at:upto], flags[at:upto]
            yield orders[i], items[i], (times[i], nets[i], micros[i], *touches)
            at = upto

    def forget(self, watermark_ms: int) -> list[tuple[str, str, CreditBody]]:
        """Forget touches and lines that nothing acceptable can still need, and return those lines' credits.

        `watermark_ms` is less the lateness; credits are as of `take_credits`.
        """
        if not self._sweep.is_due(watermark_ms):
            return []
        self._held.forget(watermark_ms - self._longest_ms)
        return self._forget_lines(watermark_ms - 2 * self._order_horizon_ms)

    def _forget_lines(self, before_ms: int) -> list[tuple[str, str, CreditBody]]:
        line = self._line
        old = (line["pay_time"] < before_ms) & (self._mark["unpublished"] == 0)
        if old.sum() < max(_FORGET_LEAST, _FORGET_SHARE * len(old)):
            return []
        gone = list(self._credits(np.flatnonzero(old)))
        self._keep_lines(np.flatnonzero(~old))
        return gone

    def _keep_lines(self, kept: npt.NDArray[np.int64]) -> None:
        line = self._line
        pins = _ranges(line["pin_start"][kept], line["pin_count"][kept])
        self._line.keep(kept)
        self._mark.keep(kept)
        self._order_ids.keep(kept)
        self._item_ids.keep(kept)
        self._pins.keep(pins)
        counts = line["pin_count"].astype(np.int64)
        line["pin_start"][:] = np.cumsum(counts) - counts
        self._lines = HashIndex()
        self._lines.rows_of(line["hash"])
        self._user["line"][:] = -1
        kernels.link_lines(0, line["user"], line["next"], self._user["line"])

    def _parts(self) -> dict[str, Any]:
        return {
            "users": self._users, "lines": self._lines, "user": self._user, "touches": self._held, "line": self._line,
            "mark": self._mark, "order_ids": self._order_ids, "item_ids": self._item_ids, "pins": self._pins,
            "origins": self._origins,
        }  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {name: part.state() for name, part in self._parts().items()}

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`; every line counts as unpublished, so that it is published again."""
        for name, part in self._parts().items():
            part.load(state[name])
        self.unpublish()


def _together(found: Found, places: Array) -> npt.NDArray[np.bool_]:
    """Say which touches were in the room and broadcast of their line, given each line's."""
    return (found.place == places[found.line]) & (found.place != 0)


def _kept(found: Found, kept: npt.NDArray[np.bool_]) -> Found:
    return Found._make([*(column[kept] for column in found[:-1]), found.ids.filter(pa.array(kept))])


def _ranges(starts: Array, counts: Array) -> npt.NDArray[np.int64]:
    """Return the rows of many ranges, one after another."""
    counts = counts.astype(np.int64)
    offsets = np.cumsum(counts) - counts
    return np.arange(counts.sum()) - np.repeat(offsets - starts, counts)
