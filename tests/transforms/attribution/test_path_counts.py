"""Path counts against paths taken one by one: in any order, any batches, with state let go of and restored."""

import pickle
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from path_law import CHANNELS, WINDOW_MS, Event, batches, end_of_day_ms, numbered, paths_by, sets_by

from schemas.path_nodes import NODE_NAMES, NODES
from transforms.attribution import path_counts as module
from transforms.attribution.markov import transitions_of
from transforms.attribution.path_counts import PathCounts
from transforms.attribution.path_days import PathDays, sets_of, steps_of

T0 = 1_772_928_000_000  # 2026-03-08T00:00Z, on which New York has 23 hours
HOUR = 3_600_000
LATENESS = 6 * HOUR
ZONE = "America/New_York"
_TIMES = st.sampled_from(
    [0, 1, 1, HOUR, 5 * HOUR - 1, 5 * HOUR, 28 * HOUR, 30 * HOUR, WINDOW_MS, WINDOW_MS + 1]
)
_CHANNELS = st.sampled_from([channel for channels in CHANNELS.values() for channel in channels])
_EVENTS = st.lists(
    st.builds(
        Event, st.integers(0, 3).flatmap(lambda n: _TIMES.map(lambda ms: T0 + n * WINDOW_MS + ms)),
        st.sampled_from(["u1", "u1", "u2"]), st.none() | _CHANNELS,
    ),
    max_size=30,
)  # fmt: skip


def expected(events: list[Event]) -> dict[int, tuple[Counter[tuple[int, ...]], Counter[int]]]:
    """Steps of order 3 and converted sets by the end of each day with an event."""
    out = {}
    for end in sorted({end_of_day_ms(event.time_ms, ZONE) for event in events}):
        paths = paths_by(events, end)
        counted = transitions_of([(nodes, won, 0, not won) for nodes, won in numbered(paths)], 3)
        rows = zip(counted.context.tolist(), counted.target.tolist(), counted.weight.tolist(), strict=True)
        steps = Counter({(*context, target): int(times) for context, target, times in rows if times})
        out[end] = steps, sets_by(paths)
    return out


def told(days: PathDays) -> dict[int, tuple[Counter[tuple[int, ...]], Counter[int]]]:
    out = {}
    for day, counts in days.open_days():
        held = steps_of(counts, 3)
        rows = zip(held.context.tolist(), held.target.tolist(), held.weight.tolist(), strict=True)
        steps = Counter({(*context, target): times for context, target, times in rows})
        found = sets_of(counts)
        sets = Counter(dict(zip(found.sets.tolist(), found.converted.tolist(), strict=True)))
        out[end_of_day_ms(day * 60_000, ZONE)] = steps, sets
    return out


def changed_days(by_day):
    """Only days whose counts differ from the day before."""
    last: object = (Counter(), Counter())
    out = {}
    for day, counts in by_day.items():
        if counts != last:
            out[day] = last = counts
    return out


@settings(max_examples=300, deadline=None)
@given(events=_EVENTS, cuts=st.lists(st.integers(0, 30), max_size=4), order=st.randoms(use_true_random=False))
def test_counts_by_every_day_are_those_of_the_paths_in_any_order_and_batches(events, cuts, order):
    shuffled = events.copy()
    order.shuffle(shuffled)
    book, days = PathCounts(ZONE), PathDays()
    bounds = [0, *sorted(cuts), len(events)]
    for begin, end in pairwise(bounds):
        days.absorb(book.absorb(*batches(shuffled[begin:end])))
        restored = PathCounts(ZONE)
        restored.load(pickle.loads(pickle.dumps(book.state())))
        book = restored
    assert changed_days(told(days)) == changed_days(expected(events))


@settings(max_examples=200, deadline=None)
@given(events=_EVENTS, order=st.randoms(use_true_random=False))
def test_what_is_let_go_of_within_the_lateness_changes_nothing(events, order):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FORGET_LEAST", 1)
        patch.setattr(module, "_SWEEPS_A_WINDOW", 10**9)
        late = sorted(events, key=lambda event: event.time_ms + order.randint(0, LATENESS))
        book, days, watermark = PathCounts(ZONE), PathDays(), 0
        for event in late:
            days.absorb(book.absorb(*batches([event])))
            watermark = max(watermark, event.time_ms)
            book.settle(watermark - LATENESS)
            assert len(book) <= sum(event.time_ms >= watermark - LATENESS for event in events)
    assert changed_days(told(days)) == changed_days(expected(events))


def test_days_that_are_over_are_one_sum():
    events = [
        Event(T0 + n * 24 * HOUR, "u1", f"traffic_source\x1f{'search' if n % 2 else 'share'}")
        for n in range(5)
    ]
    book, whole, closed = PathCounts(ZONE), PathDays(), PathDays()
    for event in events:
        changes = book.absorb(*batches([event]))
        whole.absorb(changes)
        closed.absorb(changes)
        closed.close((event.time_ms - 24 * HOUR) // 60_000)
    again = PathDays()
    again.load(pickle.loads(pickle.dumps(closed.state())))
    assert len(told(again)) < len(told(whole))
    assert told(again).items() <= told(whole).items()


def test_every_kind_of_channel_is_a_node():
    assert NODES == 13
    assert set(CHANNELS) == set(NODE_NAMES)
    book, days = PathCounts(ZONE), PathDays()
    every = [Event(T0 + at, "u", channels[0]) for at, channels in enumerate(CHANNELS.values())]
    days.absorb(book.absorb(*batches([*every, Event(T0 + 99, "u")])))
    [(_, counts)] = days.open_days()
    assert sets_of(counts).sets.tolist() == [2**NODES - 1]
    assert np.all(steps_of(counts, 1).weight == 1)
