"""What was seen against a dictionary: duplicates, conflicts, lateness, and forgetting by the horizon."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.state import seen as seen_module
from transforms.state import spill
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


@contextmanager
def sealed_at(ids: int) -> Iterator[None]:
    """Seal groups of so many ids instead of half a million."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seen_module, "SEAL_IDS", ids)
        yield


_SEALS = st.sampled_from([1, 4, 1 << 20])


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
    _SEALS,
)
def test_within_the_horizon_every_verdict_is_the_law_s(
    batches: list[list[Event]], marks: list[int], stop: int, seal: int
) -> None:
    seen, model = SeenEvents(HORIZON), Model()
    for number, (batch, mark) in enumerate(zip(batches, sorted(marks), strict=False)):
        if number == stop:
            state, seen = pickle.loads(pickle.dumps(seen.state())), SeenEvents(HORIZON)
            seen.load(state)
        with sealed_at(seal):
            assert admit(seen, batch) == [model.admit(event) for event in batch]
        seen.advance(START + mark)
        assert len(seen) == len(model.held)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=60), _SEALS)
def test_nothing_within_the_horizon_is_ever_forgotten_and_the_rest_is_in_the_end(
    rises: list[int], seal: int
) -> None:
    """Two years and more of hours: the stored 16 bits of an hour go round."""
    seen, now, last = SeenEvents(HORIZON), 0, dict[str, int]()
    for number, rise in enumerate(rises):
        now += rise
        fresh = [(f"{number}-{n}", 1, now - n, 0) for n in range(0, HORIZON + 1, 6)]
        with sealed_at(seal):
            assert set(admit(seen, fresh)) == {NEW}
        last |= {event_id: hour for event_id, _, hour, _ in fresh}
        seen.advance(START + now)
        kept = [(event_id, 1, hour, 0) for event_id, hour in last.items() if now - hour <= HORIZON]
        assert set(admit(seen, kept)) == {DUPLICATE}
    seen.advance(START + now + 10 * HORIZON)
    assert len(seen) == 0


@pytest.mark.parametrize("seal", [100, 2_000, 1 << 20])
def test_a_table_that_grew_many_times_still_knows_every_id(seal: int) -> None:
    """At 100 the groups' numbers run out, and what cannot be sealed any more stays in memory."""
    seen = SeenEvents(HORIZON)
    events = [(f"id{n}", 1, n % HORIZON, 0) for n in range(30_000)]
    with sealed_at(seal):
        for begin in range(0, 30_000, 111):
            assert set(admit(seen, events[begin : begin + 111])) == {NEW}
    assert set(admit(seen, events)) == {DUPLICATE}
    assert set(admit(seen, [(event_id, 2, hour, late) for event_id, _, hour, late in events])) == {CONFLICT}
    assert len(seen) == 30_000


@pytest.mark.parametrize("seal", [1, 1 << 20])
def test_ids_whose_hashes_agree_in_part_are_told_apart(seal: int) -> None:
    """The upper 36 bits kept in memory agree for all of them, and for the first and the last all 64 do."""
    keys = np.uint64(12345 << 28) | np.append(np.arange(300, dtype=np.uint64), np.uint64(0))
    checks = np.full(len(keys), 1 << 24, np.uint64)
    checks[-1] += np.uint64(1)
    hours, none_late = np.full(len(keys), START), np.zeros(len(keys), np.uint8)
    seen = SeenEvents(HORIZON)
    with sealed_at(seal):
        for n in range(0, len(keys), 2):
            some = slice(n, n + 2)
            assert set(seen.admit(keys[some], checks[some], hours[some], none_late[some])) == {NEW}
        assert set(seen.admit(keys, checks, hours, none_late)) == {DUPLICATE}
        assert set(seen.admit(keys, checks + np.uint64(1 << 24), hours, none_late)) == {CONFLICT}


def test_ids_forgotten_free_their_memory_and_may_come_again() -> None:
    seen = SeenEvents(HORIZON)
    with sealed_at(64):
        for hour in range(0, 40 * HORIZON, HORIZON):
            events = [(f"id{n}", 1, hour, 0) for n in range(100)]
            assert set(admit(seen, events)) == {NEW}
            seen.advance(START + hour)
            seen.advance(START + hour + HORIZON)
            assert len(seen) == 100
            seen.advance(START + hour + 2 * HORIZON)
            assert len(seen) == 0


def test_a_watermark_that_jumps_years_forgets_nothing_that_came_with_the_jump() -> None:
    """One event with an old time at the head of a file, then today's: all of them in one batch."""
    seen = SeenEvents(HORIZON)
    admit(seen, [("old", 1, -140_000, 0)])
    seen.advance(START - 140_000)
    today = [(f"e{n}", 1, n % HORIZON, 0) for n in range(100)]
    assert set(admit(seen, today)) == {NEW}
    seen.advance(START + HORIZON)
    assert set(admit(seen, today)) == {DUPLICATE}


@pytest.mark.parametrize(("target_bytes", "groups"), [(1 << 60, 1), (1, 10)])
def test_ids_stay_in_memory_up_to_a_point_while_there_is_enough_of_it(
    tmp_path: Path, target_bytes: int, groups: int
) -> None:
    seen = SeenEvents(HORIZON)
    spill.configure(tmp_path, target_bytes)
    try:
        with sealed_at(100):
            for n in range(10):
                admit(seen, [(f"{n}-{m}", 1, 0, 0) for m in range(100)])
    finally:
        spill.configure(None, 0)
    assert len(seen.state()["sealed"]) == groups
    assert len(seen) == 1_000
