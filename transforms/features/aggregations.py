"""The aggregations a view may ask for, each mergeable over tiles; those of `order.paid` follow refunds where they can.

Counts and sums of paid order lines are **net**: a line that is cancelled or wholly refunded is taken back from the
moment at which it was paid, a partial refund lowers its amount there. Extremes, first and last values and sketches
cannot forget a single event: they stand as the payment said.

>>> Sum("amount_minor").label, Count(on="click").label, Ratio(Count(on="click"), Count(on="view")).label
('sum_amount_minor', 'count_click', 'count_click_per_count_view')
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class Aggregation:
    """What is computed from a view's events over each window.

    `on` narrows the view's events, `where` to those at which a number is there and not 0; `name` replaces the one made
    of these. `windows` narrows the view's.
    """

    name: str = ""
    on: str | tuple[str, ...] = ()
    where: str = ""
    windows: tuple[str, ...] = ()
    unit: str = ""

    kind: ClassVar[str] = ""
    retractable: ClassVar[bool] = True
    mergeable: ClassVar[bool] = True

    @property
    def events(self) -> tuple[str, ...]:
        """The events that it is narrowed to; empty: all of the view."""
        return (self.on,) if isinstance(self.on, str) else tuple(self.on)

    @property
    def label(self) -> str:
        """Its name in the view."""
        if self.name:
            return self.name
        told = (self.kind, *self.said(), *self.events, *((self.where,) if self.where else ()))
        return "_".join(part.replace(".", "_") for part in told)

    def said(self) -> tuple[str, ...]:
        """Return what its name says beside its kind."""
        return ()

    def fields(self) -> tuple[str, ...]:
        """Return the fields that it reads."""
        return (self.where,) if self.where else ()


@dataclass(frozen=True)
class Count(Aggregation):
    """How many events; of `order.paid`, how many paid lines are neither cancelled nor wholly refunded. Exact."""

    kind: ClassVar[str] = "count"


@dataclass(frozen=True)
class _OfField(Aggregation):
    field: str

    def said(self) -> tuple[str, ...]:
        """Return the field."""
        return (self.field,)

    def fields(self) -> tuple[str, ...]:
        """Return the field, and that of `where`."""
        return (self.field, *super().fields())


@dataclass(frozen=True)
class Sum(_OfField):
    """The sum of a number; of the `amount_minor` of `order.paid`, less what was refunded. Exact."""

    kind: ClassVar[str] = "sum"


@dataclass(frozen=True)
class Mean(_OfField):
    """The mean of a number over the events that have it; None over none."""

    kind: ClassVar[str] = "mean"


@dataclass(frozen=True)
class Min(_OfField):
    """The least of a number. Not retractable."""

    kind: ClassVar[str] = "min"
    retractable: ClassVar[bool] = False


@dataclass(frozen=True)
class Max(_OfField):
    """The greatest of a number. Not retractable."""

    kind: ClassVar[str] = "max"
    retractable: ClassVar[bool] = False


@dataclass(frozen=True)
class Since(Aggregation):
    """Milliseconds since the newest event, at the moment of reading; None where there was none. Not retractable."""

    kind: ClassVar[str] = "since"
    retractable: ClassVar[bool] = False


@dataclass(frozen=True)
class Last(_OfField):
    """The newest `n` values, newest first, with repeats; exact at both ends of a window. Not retractable."""

    n: int = 1
    kind: ClassVar[str] = "last"
    retractable: ClassVar[bool] = False


@dataclass(frozen=True)
class First(_OfField):
    """The oldest value. Not retractable."""

    kind: ClassVar[str] = "first"
    retractable: ClassVar[bool] = False


@dataclass(frozen=True)
class DistinctCount(_OfField):
    """About how many distinct values: HyperLogLog of 1,024 registers, standard error 3.3 %. Not retractable."""

    kind: ClassVar[str] = "distinct"
    retractable: ClassVar[bool] = False


@dataclass(frozen=True)
class TopK(_OfField):
    """The values of the most events, most first, ties in order of value. Exact; costs a cell a value and tile."""

    k: int = 5
    kind: ClassVar[str] = "top"


@dataclass(frozen=True)
class Quantile(_OfField):
    """The value below which a share `q` of a number's values lie: within 2 %, by buckets that grow by 4 %."""

    q: float = 0.5
    kind: ClassVar[str] = "quantile"


@dataclass(frozen=True)
class Decayed(Aggregation):
    """A count, or a sum, in which an event weighs half at each half-life; within half a tile of each event's age.

    Over the view's longest window.
    """

    half_life: str
    of: Count | Sum = Count()
    kind: ClassVar[str] = "decayed"

    def said(self) -> tuple[str, ...]:
        """Return what is summed, and the half-life."""
        return (self.of.label, self.half_life)

    def fields(self) -> tuple[str, ...]:
        """Return the fields that it reads."""
        return (*self.of.fields(), *super().fields())


@dataclass(frozen=True)
class Slope(Aggregation):
    """By how much a minute's count or sum has risen from the window before to this one."""

    of: Count | Sum = Count()
    kind: ClassVar[str] = "slope"

    def said(self) -> tuple[str, ...]:
        """Return what rises."""
        return (self.of.label,)

    def fields(self) -> tuple[str, ...]:
        """Return the fields that it reads."""
        return (*self.of.fields(), *super().fields())


@dataclass(frozen=True)
class Ratio(Aggregation):
    """One count or sum over another, times `scale`; with a Beta prior (a, b), (one + a) / (other + a + b).

    Without a prior None over nothing.
    """

    one: Count | Sum
    other: Count | Sum
    prior: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    kind: ClassVar[str] = "ratio"

    def said(self) -> tuple[str, ...]:
        """Return both."""
        return (self.one.label, "per", self.other.label)

    @property
    def label(self) -> str:
        """Its name in the view."""
        return self.name or f"{self.one.label}_per_{self.other.label}"

    def fields(self) -> tuple[str, ...]:
        """Return the fields that it reads."""
        return (*self.one.fields(), *self.other.fields())
