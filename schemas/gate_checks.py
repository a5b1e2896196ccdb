"""The checks the gate is made of: one for each expectation that the suites use.

A check looks at one batch and gives the rows that fail, or None where none can. It means exactly what
its expectation means in Great Expectations, nulls included: every expectation but "not null" passes
over nulls. It never looks at event types: the gate restricts what fails to the rows a rule is about.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import UsageError
from schemas.events import EVENT_SCHEMA
from schemas.gate_columns import Columns, Mask, marked


class Check(Protocol):
    """Finds the rows of a batch that fail; None says that none does."""

    def failing(self, columns: Columns) -> Mask | None:
        """Mark the failing rows, or give None."""


def check_for(expectation: str, arguments: Mapping[str, Any]) -> Check:
    """Compile one expectation.

    Raises `UsageError` for an expectation, or an argument of one, that no check stands for: to ignore
    either would let through what Great Expectations refuses.

    >>> check_for("expect_column_values_to_not_be_null", {"column": "user_id"})
    Present(column='user_id')
    """
    compiler = _COMPILERS.get(expectation)
    if compiler is None:
        raise UsageError(f"The gate cannot compile {expectation}: use one of {', '.join(_COMPILERS)}.")
    try:
        return compiler(**arguments)
    except TypeError as error:
        raise UsageError(f"The gate cannot compile {expectation} with {dict(arguments)}: {error}.") from error


@dataclass(frozen=True, slots=True)
class Present:
    """No null."""

    column: str

    def failing(self, columns: Columns) -> Mask | None:
        """Mark the nulls."""
        return columns.nulls(self.column) if columns[self.column].null_count else None


@dataclass(frozen=True, slots=True)
class Length:
    """Between `min_value` and `max_value` characters, both inclusive."""

    column: str
    min_value: int = 0
    max_value: int | None = None

    def failing(self, columns: Columns) -> Mask | None:
        """Mark the strings that are too short or too long."""
        if columns.all_null(self.column) or self._bytes_suffice(columns):
            return None
        characters = pc.utf8_length(columns[self.column])
        fails = pc.less(characters, self.min_value)
        if self.max_value is not None:
            fails = pc.or_(fails, pc.greater(characters, self.max_value))
        return marked(fails)

    def _bytes_suffice(self, columns: Columns) -> bool:
        """Say whether the lengths in bytes prove all good: a character is 1 to 4 bytes of UTF-8."""
        shortest, longest = columns.byte_bounds(self.column)
        return shortest > 4 * (self.min_value - 1) and (self.max_value is None or longest <= self.max_value)


@dataclass(frozen=True, slots=True)
class Known:
    """One of a set of values."""

    column: str
    value_set: pa.Array

    def failing(self, columns: Columns) -> Mask | None:
        """Mark the values outside the set."""
        array = columns[self.column]
        if columns.all_null(self.column):
            return None
        known = pc.is_in(array, value_set=self.value_set)
        if known.true_count + array.null_count == len(array):
            return None
        return marked(pc.and_not(pc.is_valid(array), known))


@dataclass(frozen=True, slots=True)
class Between:
    """At least `lower` and at most `upper`, or below it where `strict_upper`; NaN is outside."""

    column: str
    lower: pa.Scalar | None
    upper: pa.Scalar | None
    strict_upper: bool

    def failing(self, columns: Columns) -> Mask | None:
        """Mark the values outside the range."""
        array = columns[self.column]
        if columns.all_null(self.column) or self._bounds_suffice(columns):
            return None
        holds = [] if self.lower is None else [pc.greater_equal(array, self.lower)]
        if self.upper is not None:
            holds.append((pc.less if self.strict_upper else pc.less_equal)(array, self.upper))
        return marked(pc.invert(holds[0] if len(holds) == 1 else pc.and_(*holds)))

    def _bounds_suffice(self, columns: Columns) -> bool:
        if pa.types.is_floating(columns[self.column].type):
            return False  # the bounds of a column pass over NaN
        least, greatest = columns.value_bounds(self.column)
        if self.lower is not None and least < self._plain(self.lower):
            return False
        if self.upper is None:
            return True
        upper = self._plain(self.upper)
        return bool(greatest < upper if self.strict_upper else greatest <= upper)

    @staticmethod
    def _plain(bound: pa.Scalar) -> Any:
        return bound.value if pa.types.is_timestamp(bound.type) else bound.as_py()


@dataclass(frozen=True, slots=True)
class Unmatched:
    """No part of the string matches `regex`, which must mean the same to RE2 and to Python."""

    column: str
    regex: str

    def failing(self, columns: Columns) -> Mask | None:
        """Mark the strings with a match."""
        if columns.all_null(self.column):
            return None
        # A column under such a rule has few values: each is matched once, not once a row.
        encoded = columns[self.column].dictionary_encode()
        matches = pc.match_substring_regex(encoded.dictionary, pattern=self.regex)
        return marked(matches.take(encoded.indices)) if matches.true_count else None


@dataclass(frozen=True, slots=True)
class NotBefore:
    """Column `later` is not less than column `earlier`, where both are given."""

    later: str
    earlier: str

    def failing(self, columns: Columns) -> Mask | None:
        """Mark the rows whose two values stand the wrong way round."""
        if columns.all_null(self.later) or columns.all_null(self.earlier):
            return None
        return marked(pc.less(columns[self.later], columns[self.earlier]))


def _length(column: str, min_value: float = 0, max_value: float | None = None) -> Check:
    return Length(column, int(min_value), None if max_value is None else int(max_value))


def _known(column: str, value_set: list[Any]) -> Check:
    return Known(column, pa.array(value_set, EVENT_SCHEMA.field(column).type))


def _between(column: str, min_value: Any = None, max_value: Any = None, strict_max: bool = False) -> Check:
    return Between(column, _bound(column, min_value), _bound(column, max_value), strict_max)


def _pair(column_A: str, column_B: str, or_equal: bool, ignore_row_if: str) -> Check:  # noqa: N803
    if not or_equal or ignore_row_if != "either_value_is_missing":
        raise TypeError("only or_equal=true with ignore_row_if=either_value_is_missing is understood")
    return NotBefore(later=column_A, earlier=column_B)


def _bound(column: str, value: Any) -> pa.Scalar | None:
    if value is None:
        return None
    kind = EVENT_SCHEMA.field(column).type
    if pa.types.is_timestamp(kind):
        return pa.scalar(datetime.fromisoformat(value), kind)
    return pa.scalar(int(value) if pa.types.is_integer(kind) else value, kind)


_COMPILERS: Final[Mapping[str, Callable[..., Check]]] = {
    "expect_column_values_to_not_be_null": Present,
    "expect_column_value_lengths_to_be_between": _length,
    "expect_column_values_to_be_in_set": _known,
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_not_match_regex": Unmatched,
    "expect_column_pair_values_a_to_be_greater_than_b": _pair,
}
