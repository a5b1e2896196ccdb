"""How far the partitions of other readers have got, for a reader whose own are all idle.

Readers on other machines do not talk to each other, but the least of their watermarks counts. So a reader that
has nothing to read looks at the last message of every partition that still grows: what is put into its own
from now on is as new as those. The least of their times is how far it says it has got.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pyarrow.compute as pc

from transforms.io.kafka_client import Log
from transforms.io.kafka_url import KafkaTopic
from transforms.io.stream_entries import Entries, joined
from transforms.pieces import BEFORE_ALL_MS

_TRIES: Final = 20
_WAIT_S: Final = 0.05
_FAR_FUTURE_MS: Final = 4_102_444_800_000
"""2100: what the gate refuses, as in its bounds of event time, tells nothing."""


@dataclass
class _Tail:
    high: int
    grew_s: float | None = None
    time_ms: int = BEFORE_ALL_MS


class Tails:
    """The last messages of others' partitions; connects when it is first asked."""

    def __init__(self, topic: KafkaTopic, open_log: Callable[[KafkaTopic], Log]) -> None:
        self._topic, self._open_log = topic, open_log
        self._log: Log | None = None
        self._tails: dict[int, _Tail] = {}
        self.least_ms = BEFORE_ALL_MS

    def look(self, numbers: list[int], now_s: float) -> None:
        """Look at partitions again; those that have not grown for as long as makes idle do not count."""
        for number in numbers:
            self._look_at(number, now_s)
        growing = [
            tail.time_ms
            for tail in self._tails.values()
            if tail.grew_s is not None and now_s - tail.grew_s < self._topic.idle_s
        ]
        self.least_ms = max(self.least_ms, min(growing, default=BEFORE_ALL_MS))

    def _look_at(self, number: int, now_s: float) -> None:
        self._log = self._log or self._open_log(self._topic)
        bounds = self._log.bounds(number)
        if bounds is None:
            return
        low, high = bounds
        tail = self._tails.setdefault(number, _Tail(high))
        if high > tail.high and high > low:
            tail.high, tail.grew_s = high, now_s
            tail.time_ms = max(tail.time_ms, self._last_time(self._log, number, high - 1))

    def _last_time(self, log: Log, number: int, offset: int) -> int:
        """Return the event time of the message at an offset, `BEFORE_ALL_MS` if it has none."""
        log.start(number, offset)
        try:
            for _ in range(_TRIES):
                found = log.take(1, _WAIT_S).messages.get(number)
                if found is not None:
                    return _time_of(joined("", Entries(*found))[-1].decoded.events["event_time"])
        finally:
            log.stop(number)
        return BEFORE_ALL_MS

    def close(self) -> None:
        """Close the connection."""
        if self._log is not None:
            self._log.close()


def _time_of(times: object) -> int:
    newest = pc.max(times)
    return newest.value if newest.is_valid and newest.value < _FAR_FUTURE_MS else BEFORE_ALL_MS
