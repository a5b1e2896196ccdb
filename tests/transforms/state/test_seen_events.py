"""What was seen against a dictionary: duplicates, conflicts, lateness, and forgetting by the horizon."""

import pickle
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.state.hashing import hash_strings
from transforms.state.seen import ANCIENT, CONFLICT, DUPLICATE, LATE, NEW, TOO_LATE, SeenEvents

HORIZON = 24
START = 490_000
"""An hour of 2025; its low 16 bits are close to where they start anew."""

Event = tuple[str, int, int, int]
"""Id, body, hour after `START`, lateness."""


def admit(seen: SeenEvents, events: list[Event]) -> list[int]:
    """Judge events given by their id and body as intake hands them over."""
    ids = [event_id for event_id, *_ in events]
    keys, more = hash_strings(ids), hash_strings(ids, seed=7)
    bodies = np.array([body for _, body, _, _ in events], np.uint64)
    checks = (bodies << np.uint64(24)) | (more & np.uint64(0xFFFFFF))
    hours = np.array([START + hour for _, _, hour, _ in events], np.int64)
    return seen.admit(keys, checks, hours, np.array([late for *_, late in events], np.uint8)).tolist()


@dataclass
class Model:
    """The law: the first body of an id stands; what is late and new is refused."""

    held: dict[str, int] = field(default_factory=dict)

    def admit(self, event: Event) -> int:
        event_id, body, _, late = event
        if event_id not in self.held:
            if late:
                return TOO_LATE
            self.held[event_id] = body
            return NEW
        if self.held[event_id] != body:
            return CONFLICT
        return TOO_LATE if late == ANCIENT else DUPLICATE


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from([f"e{n}" for n in range(8)]) | st.text(max_size=3), st.integers(1, 3), st.integers(0, HORIZON),
        st.sampled_from([0, 0, 0, LATE, ANCIENT]),
    ),
    max_size=20,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    st.lists(_EVENTS, max_size=5),
    st.lists(st.integers(0, HORIZON), min_size=5, max_size=5),
    st.integers(0, 5),
)
def test_within_the_horizon_every_verdict_is_the_law_s(
    batches: list[list[Event]], marks: list[int], stop: int
) -> None:
    seen, model = SeenEvents(HORIZON), Model()
    for number, (batch, mark) in enumerate(zip(batches, sorted(marks), strict=False)):
        if number == stop:
            state, seen = pickle.loads(pickle.dumps(seen.state())), SeenEvents(HORIZON)
            seen.load(state)
        assert admit(seen, batch) == [model.admit(event) for event in batch]
        seen.advance(START + mark)
        assert len(seen) == len(model.held)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=60))
def test_nothing_within_the_horizon_is_ever_forgotten_and_the_rest_is_in_the_end(rises: list[int]) -> None:
    """Two years and more of hours: the stored 16 bits of an hour go round."""
    seen, now, last = SeenEvents(HORIZON), 0, dict[str, int]()
    for number, rise in enumerate(rises):
        now += rise
        fresh = [(f"{number}-{n}", 1, now - n, 0) for n in range(0, HORIZON + 1, 6)]
        assert set(admit(seen, fresh)) == {NEW}
        last |= {event_id: hour for event_id, _, hour, _ in fresh}
        seen.advance(START + now)
        kept = [(event_id, 1, hour, 0) for event_id, hour in last.items() if now - hour <= HORIZON]
        assert set(admit(seen, kept)) == {DUPLICATE}
    seen.advance(START + now + 10 * HORIZON)
    assert len(seen) == 0


def test_a_table_that_grew_many_times_still_knows_every_id() -> None:
    seen = SeenEvents(HORIZON)
    events = [(f"id{n}", 1, n % HORIZON, 0) for n in range(30_000)]
    for begin in range(0, 30_000, 1111):
        assert set(admit(seen, events[begin : begin + 1111])) == {NEW}
    assert set(admit(seen, events)) == {DUPLICATE}
    assert len(seen) == 30_000


def test_a_watermark_that_jumps_years_forgets_nothing_that_came_with_the_jump() -> None:
    """One event with an old time at the head of a file, then today's: all of them in one batch."""
    seen = SeenEvents(HORIZON)
    admit(seen, [("old", 1, -140_000, 0)])
    seen.advance(START - 140_000)
    today = [(f"e{n}", 1, n % HORIZON, 0) for n in range(100)]
    assert set(admit(seen, today)) == {NEW}
    seen.advance(START + HORIZON)
    assert set(admit(seen, today)) == {DUPLICATE}
