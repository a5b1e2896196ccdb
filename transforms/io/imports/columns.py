"""Text columns to typed ones, whole columns at a time; what cannot be read becomes null, not an exception."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from schemas.events import EVENT_SCHEMA

_MS: Final = 1000


def integers(text: pa.Array) -> pa.Array:
    """Read whole numbers of up to 18 digits as int64.

    >>> integers(pa.array(["7", "-2", "x", None])).to_pylist()
    [7, -2, None, None]
    """
    return _where(text, r"^-?[0-9]{1,18}$").cast(pa.int64())


def decimals(text: pa.Array, places: int) -> pa.Array:
    """Read decimal numbers of at most so many places exactly, never through a float.

    >>> [str(value) for value in decimals(pa.array(["2.55", "3"]), places=3).to_pylist()]
    ['2.550', '3.000']
    """
    pattern = rf"^-?[0-9]{{1,12}}(\.[0-9]{{0,{places}}})?$"
    return _where(text, pattern).cast(pa.decimal128(12 + places, places))


def half_even_minor(amounts: pa.Array) -> pa.Array:
    """Round decimal amounts to hundredths, half to even, and count them in minor units.

    Amounts of 10^15 and more become null, for no sum of them would fit an int64.

    >>> half_even_minor(decimals(pa.array(["0.125", "0.135", "-0.125"]), places=3)).to_pylist()
    [12, 14, -12]
    """
    sane = pc.less(pc.abs(amounts), pa.scalar(10**15, pa.int64()).cast(pa.decimal128(19, 0)))
    kept = pc.if_else(sane, amounts, pa.scalar(None, amounts.type))
    hundredths = pc.round(kept, ndigits=2, round_mode="half_to_even").cast(pa.decimal128(18, 2))
    return pc.multiply(hundredths, pa.scalar(100, pa.int64()).cast(pa.decimal128(19, 0))).cast(pa.int64())


def epoch_seconds_ms(text: pa.Array) -> pa.Array:
    """Read epoch seconds with a fraction as whole milliseconds; what is finer is cut off.

    >>> epoch_seconds_ms(pa.array(["1396437466.94"])).to_pylist()
    [1396437466940]
    """
    thousand = pa.scalar(_MS, pa.int64()).cast(pa.decimal128(19, 0))
    scaled = pc.multiply(decimals(text, places=6), thousand)
    return pc.floor(scaled).cast(pa.int64())


def each_distinct(text: pa.Array, parse: Callable[[str], int | None]) -> pa.Array:
    """Apply a Python function once to each distinct text of a column, giving int64.

    >>> each_distinct(pa.array(["a", None, "a"]), len).to_pylist()
    [1, None, 1]
    """
    encoded = text.dictionary_encode()
    values = pa.array([parse(value) for value in encoded.dictionary.to_pylist()], pa.int64())
    return values.take(encoded.indices)


def iso_ms(text: str) -> int | None:
    """Read an ISO 8601 time as UTC milliseconds; without an offset it counts as UTC.

    >>> iso_ms("2025-02-23T00:00:01.750Z")
    1740268801750
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return utc_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def utc_ms(moment: datetime) -> int | None:
    """Return an aware time as UTC milliseconds, computed in integers; null outside the years 1970 to 2200."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    total = (since.days * 86_400 + since.seconds) * _MS + since.microseconds // _MS
    return total if 0 <= total < 7_258_118_400_000 else None


def event_batch(rows: int, **columns: pa.Array | str | int | None) -> pa.RecordBatch:
    """Make a batch of events from columns and constants; columns not named are null, `schema_version` is 1.

    >>> event_batch(2, event_type="view", user_id=pa.array(["u", "v"]))["user_id"].to_pylist()
    ['u', 'v']
    """
    given = {"schema_version": 1, **columns}
    unknown = given.keys() - set(EVENT_SCHEMA.names)
    if unknown:
        raise ValueError(f"no columns of an event: {sorted(unknown)}; see schemas/events.py")
    arrays = [_column(given.get(field.name), field.type, rows) for field in EVENT_SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=EVENT_SCHEMA)


def _column(value: pa.Array | str | int | None, kind: pa.DataType, rows: int) -> pa.Array:
    if isinstance(value, pa.ChunkedArray):
        value = value.combine_chunks()
    if isinstance(value, pa.Array):
        return value.cast(kind)
    return pa.nulls(rows, kind) if value is None else pa.repeat(pa.scalar(value, kind), rows)


def _where(text: pa.Array, pattern: str) -> pa.Array:
    return pc.if_else(pc.match_substring_regex(text, pattern), text, pa.scalar(None, pa.string()))
