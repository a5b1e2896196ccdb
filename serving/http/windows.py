"""Reading every window of a span of time in one round trip: a script where one server has all keys, else two trips."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from schemas.keys import window_index_key
from schemas.metrics import TOTAL_START
from serving.access import Command
from serving.http.store import READ_WINDOWS, AsyncStore, Seen

Read = tuple[str, str]
"""A key with the window start 0, and a field; an empty field reads the whole hash."""


@dataclass(frozen=True)
class Span:
    """The windows whose start is in [from_ms, to_ms), the newest `limit` of them."""

    window: str
    from_ms: int | None
    to_ms: int | None
    limit: int

    @property
    def low(self) -> str:
        """The first start, as Redis takes it."""
        return "-inf" if self.from_ms is None else str(self.from_ms)

    @property
    def high(self) -> str:
        """The end, as Redis takes it."""
        return "+inf" if self.to_ms is None else f"({self.to_ms}"


@dataclass(frozen=True)
class Windows:
    """What was read of each window, oldest first; whether older ones were left out; what was read beside them."""

    rows: list[tuple[int, list[Any]]]
    truncated: bool
    seen: Seen
    beside: list[Any]


async def read_windows(
    store: AsyncStore, span: Span, reads: Sequence[Read], beside: Sequence[Command] = ()
) -> Windows:
    """Read these hashes in each window of a span, and what else is asked; `total` is one window that starts at -1."""
    if span.window == "total":
        return await _read_at(store, span, [TOTAL_START], reads, beside)
    index = window_index_key(store.namespace, span.window)
    one_more = span.limit + 1
    if store.is_cluster:
        (found,) = await store.ask([("ZREVRANGEBYSCORE", index, span.high, span.low, "LIMIT", 0, one_more)])
        return await _read_at(store, span, [int(start) for start in reversed(found)], reads, beside)
    pairs = [part for key, name in reads for part in (stem(key), name)]
    command = ("EVAL", READ_WINDOWS, 1, index, span.low, span.high, one_more, *pairs)
    seen = await store.ask_together([command, *beside])
    newest_first, flat = seen.answers[0]
    starts = [int(start) for start in reversed(newest_first)]
    answers = [_answer(name, flat[at]) for at, (_, name) in enumerate([*reads] * len(starts))]
    return _windows(span, starts, answers, seen, seen.answers[1:])


async def _read_at(
    store: AsyncStore, span: Span, starts: list[int], reads: Sequence[Read], beside: Sequence[Command]
) -> Windows:
    commands = [_command(read, start) for start in starts for read in reads]
    seen = await store.ask_together([*commands, *beside])
    return _windows(span, starts, seen.answers[: len(commands)], seen, seen.answers[len(commands) :])


def _windows(span: Span, starts: list[int], answers: list[Any], seen: Seen, beside: list[Any]) -> Windows:
    width = len(answers) // len(starts) if starts else 0
    rows = [(start, answers[at * width : (at + 1) * width]) for at, start in enumerate(starts)]
    return Windows(rows[-span.limit :], len(rows) > span.limit, seen, beside)


def stem(key: str) -> str:
    """Return what comes before the start in a key with the start 0.

    >>> stem("is:{m:e:room:minute:0}")
    'is:{m:e:room:minute:'
    """
    return key.removesuffix("0}")


def _command(read: Read, start: int) -> Command:
    key, name = f"{stem(read[0])}{start}}}", read[1]
    return ("HGET", key, name) if name else ("HGETALL", key)


def _answer(name: str, value: Any) -> Any:
    if name:
        return value
    if isinstance(value, dict):
        return value
    return dict(zip(value[::2], value[1::2], strict=True))
