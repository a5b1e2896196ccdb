"""Strategies for lines of JSON: what producers send, and everything that must not break a reader."""

import json
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from schemas.events import EVENT_SCHEMA

_NUMBERS = (
    "0", "-0", "1", "-1", "007", "1.0", "-0.0", "0.5", "1e3", "1E+3", "1e-400", "1e400", "-1e400", "1.", ".5", "+1", "-",
    "0x1", "NaN", "Infinity", "32767", "32768", "-32768", "-32769", "2147483647", "2147483648", "-2147483648",
    "-2147483649", "999999999999999999", "1000000000000000000", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775809", "18446744073709551616", "9007199254740991", "9007199254740992",
    "1767225600000", "-62135596800001", "0.30000000000000004", "0.1234567890123456789012345678901234567890",
    "9" * 400, "9" * 5000, "1" + "0" * 40 + ".5",
)  # fmt: skip
_TIMES = (
    "2026-01-01T00:00:00Z", "2026-01-01 00:00:00Z", "2026-01-01t00:00:00z", "2026-01-01T00:00Z", "2026-01-01T00Z",
    "2026-01-01Z", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00+08", "2026-01-01T00:00:00+0800",
    "2026-01-01T00:00:00+08:00", "2026-01-01T05:30:00.123+05:30", "2026-01-01T00:00:00-00:00", "2026-01-01T00:00:00+23:59",
    "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00.1Z", "2026-01-01T00:00:00.9999Z", "1969-12-31T23:59:59.9999Z",
    "2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00.1234567890123Z", "2026-01-01T00:00:00.Z", "2026-01-01T24:00:00Z",
    "2026-06-30T23:59:60Z", "2026-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59.999-01:00", " 2026-01-01T00:00:00Z", "20260101T000000Z",
    "1767225600000", "yesterday", "", "２０２６-01-01T00:00:00Z",
)  # fmt: skip
_KEYS = (*EVENT_SCHEMA.names, "x", "", "Event_id", "event_id ", "price", "事件")
_LITERALS = ("null", "true", "false", "nul", "True", "trux", "falsx")

spaces = st.sampled_from(["", "", "", " ", "\t", "  \t ", "\r"])


@st.composite
def _strings(draw: st.DrawFn) -> str:
    text = draw(
        st.one_of(st.text(max_size=12), st.sampled_from(_TIMES), st.sampled_from(["view", "CNY", "a" * 300]))
    )
    return json.dumps(text, ensure_ascii=draw(st.booleans()))


_BROKEN_STRINGS = st.sampled_from(
    [
        '"\\ud800"',
        '"\\ud800\\u0041"',
        '"\\udc00"',
        '"\\uD83D\\uDE00"',
        '"\\x"',
        '"\\u12"',
        '"a',
        '"tab\there"',
        '"\x00"',
        "''",
    ]
)


def _integers() -> st.SearchStrategy[str]:
    return st.integers(min_value=-(2**66), max_value=2**66).map(str)


def _floats() -> st.SearchStrategy[str]:
    return st.floats(allow_nan=False, allow_infinity=False).map(repr)


_NESTED = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
).map(json.dumps)

_ANY_VALUE = st.one_of(
    _strings(),
    st.sampled_from(_NUMBERS),
    _integers(),
    _floats(),
    st.sampled_from(_LITERALS),
    _NESTED,
    _BROKEN_STRINGS,
)


def _fitting(name: str) -> st.SearchStrategy[str]:
    """A value of the kind that the column has, written in one of the ways a producer may write it."""
    kind = EVENT_SCHEMA.field(name).type if name in EVENT_SCHEMA.names else pa.string()
    if pa.types.is_timestamp(kind):
        return st.sampled_from(_TIMES).map(json.dumps) | st.integers(-(2**54), 2**54).map(str)
    if pa.types.is_integer(kind):
        bound = 2 ** (kind.bit_width - 1)
        return st.integers(-bound - 1, bound).map(str) | st.integers(0, 9).map(str)
    if pa.types.is_floating(kind):
        return _floats() | _integers() | st.sampled_from(_NUMBERS)
    return st.sampled_from(["true", "false"]) if pa.types.is_boolean(kind) else _strings()


@st.composite
def _objects(draw: st.DrawFn) -> bytes:
    """One object: mostly of fitting values, with white space anywhere and any key any number of times."""
    members = []
    for name in draw(st.lists(st.sampled_from(_KEYS), max_size=6)):
        value = draw(st.one_of(_fitting(name), _fitting(name), st.just("null"), _ANY_VALUE))
        key = draw(
            st.sampled_from([json.dumps(name), json.dumps(name), json.dumps(name, ensure_ascii=False), "key"])
        )
        parts = (key, draw(spaces), ":", draw(spaces), value)
        members.append(draw(spaces) + "".join(parts) + draw(spaces))
    text = (
        draw(spaces)
        + "{"
        + draw(st.sampled_from([",", ",", ",", ",,", ""])).join(members)
        + "}"
        + draw(spaces)
    )
    return text.encode("utf-8", "surrogatepass")


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """An object cut short, with a byte changed, or with something put into it."""
    line = draw(_objects())
    at = draw(st.integers(0, len(line)))
    how = draw(st.sampled_from(["cut", "byte", "insert"]))
    if how == "cut":
        return line[:at]
    more = draw(st.binary(min_size=1, max_size=3))
    return line[:at] + more + line[at + (how == "byte") :]


_OTHER = st.sampled_from(
    [b"", b" ", b"\t\r", b"[]", b"null", b"1", b'"x"', b"{", b"}", b"{}", b"{}{}", b"\xef\xbb\xbf{}", b'{"event_id":"\xff"}',
     b'{"event_id":"\xed\xa0\x80"}', b'{"x":' + b"[" * 3000 + b"]" * 3000 + b"}"]
)  # fmt: skip

lines = st.one_of(_objects(), _objects(), _objects(), _damaged(), _OTHER, st.binary(max_size=20)).map(
    lambda line: line.replace(b"\n", b" ")
)
"""Any one line, without a line feed."""

line_ends = st.sampled_from([b"\n", b"\n", b"\r\n"])


@st.composite
def blocks(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A block of whole lines as a file has them, and the lines alone; the last may lack its end."""
    alone = draw(st.lists(lines, max_size=12))
    data = b"".join(line + draw(line_ends) for line in alone)
    if alone and draw(st.booleans()):
        data = data[:-1]
    return data, data.split(b"\n")[: len(alone)]


def is_blank(line: bytes) -> bool:
    """Whether a line holds nothing but JSON's white space."""
    return not line.strip(b" \t\r")


def as_row(event: dict[str, Any]) -> dict[str, Any]:
    """A read event as a row of the batch: every column, absent ones null."""
    return {name: event.get(name) for name in EVENT_SCHEMA.names}
