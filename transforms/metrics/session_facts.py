"""`SessionFacts`: to which campaign and base a broadcast belongs, as its live events say.

Of a session, the earliest live event by (time, id) with a `campaign_id` says its campaign, the earliest with a
`base_id` its base, each for itself; they hold for the session's events from the minute on in which that moment less
the allowed lateness lies. So what is known is a pure function of the set of live events, and an earlier one that
comes later changes what held: `learn` says of which sessions. Live events are few: each takes a few steps of Python.
About 60 bytes a session that any fact is known of, kept like its totals for as long as the job.

>>> facts = SessionFacts(lateness_ms=0)
>>> told = {"session": [7], "event_time_ms": [120_000], "event_id": ["e"], "campaign_id": [None], "base_id": ["b1"]}
>>> sessions, minutes = np.array([7, 7, 8], np.uint64), np.array([1, 2, 2])
>>> facts.learn(pa.record_batch(told, FACTS)).tolist(), facts.bases(sessions, minutes).tolist()
([7], [-1, 0, -1])
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms.event_view import MINUTE_MS, EventView
from transforms.state.columns import Columns
from transforms.state.hashing import Hashes, hash_strings
from transforms.state.index import HashIndex
from transforms.state.names import Names

FACTS: Final = pa.schema(
    [("session", pa.uint64()), ("event_time_ms", pa.int64()), ("event_id", pa.string()),
     ("campaign_id", pa.string()), ("base_id", pa.string())]
)  # fmt: skip
_LIVE: Final = hash_strings(["live"])[0]
_NEVER: Final = 2**62
_CAMPAIGN: Final = pa.array(["campaign"])
UNPUBLISHED: Final = -1
"""The code of what has no figures."""

Minutes = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]


def facts_of(events: EventView) -> pa.RecordBatch:
    """Return the live events that say anything of their session."""
    sessions = events.hashes("session_id")
    told = (events.hashes("campaign_id") != 0) | (events.hashes("base_id") != 0)
    rows = np.flatnonzero((events.hashes("event_type") == _LIVE) & (sessions != 0) & told)
    texts = events.events.select(["event_id", "campaign_id", "base_id"]).take(pa.array(rows))
    columns = [pa.array(sessions[rows]), pa.array(events.times_ms[rows]), *texts.columns]
    return pa.RecordBatch.from_arrays(columns, schema=FACTS)


class SessionFacts:
    """What is known of every session that a live event told of."""

    def __init__(self, lateness_ms: int) -> None:
        self._lateness_ms = lateness_ms
        self._sessions = HashIndex()
        self._facts = Columns(campaign_time=np.int64, base_time=np.int64, base=np.int32)
        self._base_events: list[str] = []
        self.names = Names()
        """The ids of bases, which `bases` numbers."""

    def __len__(self) -> int:
        return len(self._facts)

    def learn(self, facts: pa.RecordBatch) -> Hashes:
        """Take live events in any order, also again; return the sessions of which something changed."""
        if not facts.num_rows:
            return np.zeros(0, np.uint64)
        sessions = facts["session"].to_numpy()
        rows = self._sessions.rows_of(sessions)
        self._add(len(self._sessions) - len(self))
        told = facts.drop_columns(["session"]).to_pydict()
        changed = [self._take(*one) for one in zip(rows.tolist(), *told.values(), strict=True)]
        return np.unique(sessions[np.array(changed, np.bool_)])

    def _add(self, count: int) -> None:
        never, none = np.full(count, _NEVER, np.int64), np.full(count, -1, np.int32)
        self._facts.extend(count, campaign_time=never, base_time=never, base=none)
        self._base_events += [""] * count

    def _take(self, row: int, time_ms: int, event_id: str, campaign: str | None, base: str | None) -> bool:
        """Take one live event; says whether it changed anything."""
        held, changed = self._facts, False
        if campaign is not None and time_ms < held["campaign_time"][row]:
            held["campaign_time"][row] = time_ms
            changed = True
        if base is not None and (time_ms, event_id) < (int(held["base_time"][row]), self._base_events[row]):
            held["base_time"][row], self._base_events[row] = time_ms, event_id
            held["base"][row] = self.names.codes(pa.array([base]))[0]
            changed = True
        return changed

    def bases(self, sessions: Hashes, minutes: Minutes) -> npt.NDArray[np.int32]:
        """Return the number of each session's base in each minute, -1 where none is known or holds yet."""
        if not len(self):
            return np.full(len(sessions), -1, np.int32)
        rows = self._sessions.find(sessions)
        holds = self._holds("base_time", rows, minutes)
        return np.where(holds, self._facts["base"][rows], np.int32(-1))

    def in_campaign(self, sessions: Hashes, minutes: Minutes) -> npt.NDArray[np.bool_]:
        """Return where a session belongs to a campaign."""
        if not len(self):
            return np.zeros(len(sessions), np.bool_)
        return self._holds("campaign_time", self._sessions.find(sessions), minutes)

    def resolved(
        self, names: Names, sessions: Hashes, minutes: Minutes, own_base: Codes, own_fact: Codes
    ) -> tuple[Codes, Codes]:
        """Return the base and the fact channel of events by all that is known of their sessions.

        Given and returned are numbers in `names`: of what the events say themselves, -1 where a scope is not
        published, and so it stays.
        """
        bases = self.bases(sessions, minutes)
        told = (bases >= 0) & (own_base != UNPUBLISHED)
        of_campaign = self.in_campaign(sessions, minutes) & (own_fact != UNPUBLISHED)
        base, fact = own_base.copy(), own_fact.copy()
        base[told] = names.codes(self.names.take(bases[told]))
        fact[of_campaign] = names.codes(_CAMPAIGN)[0]
        return base, fact

    def _holds(self, name: str, rows: npt.NDArray[np.int32], minutes: Minutes) -> npt.NDArray[np.bool_]:
        return (rows >= 0) & (minutes >= (self._facts[name][rows] - self._lateness_ms) // MINUTE_MS)

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {
            "sessions": self._sessions.state(), "facts": self._facts.state(), "names": self.names.state(),
            "base_events": list(self._base_events),
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self._sessions.load(state["sessions"])
        self._facts.load(state["facts"])
        self.names.load(state["names"])
        self._base_events = list(state["base_events"])


def movable_after(watermark_ms: int, lateness_ms: int) -> int:
    """Return the minute before which no session's facts can change any more.

    A live event at t is accepted while t >= watermark - lateness, and decides from t - lateness on.
    """
    return (watermark_ms - 2 * lateness_ms) // MINUTE_MS - 1
