"""Markov and Shapley credit of lines against shares computed apart, whatever the order of events and of solving."""

import pickle
import random
from collections import Counter
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from path_law import CHANNELS, Event, batches, end_of_day_ms, numbered, paths_by, sets_by
from test_shapley import brute_force

from schemas.path_nodes import NODE_NAMES, NODES
from transforms.attribution.markov import removal_effects, transitions_of
from transforms.attribution.path_counts import PathCounts
from transforms.attribution.path_credit import PathCredit
from transforms.attribution.path_lines import LineTouches, PaidLines, path_lines
from transforms.pieces import Piece, PieceCoder, Progress

T0 = 1_772_928_000_000
HOUR = 3_600_000
LATENESS = 6 * HOUR
KEEP = 60 * 24 * HOUR
ZONE = "America/New_York"
NUMBERS = [(6, 7), (16, 17), (-1, 27)]
_EVENTS = st.lists(
    st.builds(
        Event,
        st.integers(0, 5 * 24).map(lambda hours: T0 + hours * HOUR + 1),
        st.sampled_from(["u1", "u2", "u3"]),
        st.none() | st.sampled_from([channels[-1] for channels in list(CHANNELS.values())[:6]]),
    ),
    min_size=8,
    max_size=40,
)


class Line:
    """A paid line: its amounts may be corrected; its channels are those of its touches, in order of time."""

    def __init__(self, payment: Event, touched: list[Event], net: int, group: int) -> None:
        self.minute, self.net, self.group = payment.time_ms // 60_000, net, group
        self.time_ms, self.channels = payment.time_ms, [touch.channel for touch in touched]


def lines_of(events: list[Event], rng: random.Random) -> list[Line]:
    """A line a payment, which may credit any touch of its user before."""
    lines = []
    for payment in events:
        if payment.channel is None:
            touched = [
                e for e in events if e.channel and e.user == payment.user and e.time_ms <= payment.time_ms
            ]
            touched.sort(key=lambda event: event.time_ms)
            lines.append(Line(payment, touched, rng.choice([0, 1, 7, 100, 99_999]), rng.randrange(3)))
    return lines


NAMES = [channel for channels in CHANNELS.values() for channel in channels]
CREATORS = ["creator\x1fA", "creator\x1fB"]
DIRECT = ["traffic_source\x1fdirect", "creator\x1fnone"]
ALL_NAMES = pa.array([*NAMES, *CREATORS, *DIRECT])
NODE_OF = np.array(
    [next((n for n, node in enumerate(NODE_NAMES, 1) if name in CHANNELS[node]), 0) for name in NAMES],
    np.uint8,
)


def creator_of(channel: str) -> int:
    """Which further channel a touch has; some have none."""
    return {0: len(NAMES), 1: len(NAMES) + 1, 2: -1}[NAMES.index(channel) % 3]


def line_batch(changes: list[tuple[int, Line, int]]) -> pa.RecordBatch:
    """(times, line, net) as attribution tells them, all touches of each line, whatever their node."""
    touched = [channel for _, line, _ in changes for channel in line.channels]
    counts = np.array([len(line.channels) for _, line, _ in changes], np.int64)
    columns = [
        [line.group for _, line, _ in changes], [line.minute for _, line, _ in changes], [net for *_, net in changes],
        [1_000_000 for _ in changes], [times for times, *_ in changes], [line.minute % 2 for _, line, _ in changes],
    ]  # fmt: skip
    names = np.array([[NAMES.index(channel), creator_of(channel)] for channel in touched], np.int64).reshape(
        -1, 2
    )
    touches = LineTouches(np.cumsum(counts) - counts, counts, names, np.ones(len(touched), np.uint8))
    untouched = np.array([len(ALL_NAMES) - 2, len(ALL_NAMES) - 1])
    return path_lines(
        PaidLines(*map(np.array, columns)),
        touches,
        lambda numbers: ALL_NAMES.take(pa.array(numbers)),
        NODE_OF,
        untouched,
    )


def started() -> PathCredit:
    return PathCredit(ZONE, LATENESS, KEEP, NUMBERS, kinds=2)


class Run:
    """One run over events and lines in some order; refunds come as a line taken back and given anew."""

    def __init__(self, order: random.Random) -> None:
        self.order, self.book = order, PathCounts(ZONE)
        self.credit = started()
        self.cells: Counter[tuple[int, str, int, str]] = Counter()

    def take(self, partials: list[pa.RecordBatch]) -> None:
        for batch in partials:
            family = batch.schema.names[-1]
            for row in batch.to_pylist():
                self.cells[row["group"], row["id"], row["minute"], "minor"] += row[family][0]
                self.cells[row["group"], row["id"], row["minute"], "micro"] += row[family][1]
                self.cells[row["group"], row["id"], row["minute"], "new"] += row[family][3]

    def step(self, events: list[Event], changes: list[tuple[int, Line, int]], watermark_ms: int) -> None:
        self.credit.absorb_counts(self.book.absorb(*batches(events)))
        self.take(self.credit.absorb(line_batch(changes)))
        self.book.settle(watermark_ms - LATENESS)
        self.take(self.credit.advance(watermark_ms))
        if self.order.random() < 0.3:
            self.take(self.credit.solve())
        if self.order.random() < 0.3:
            restored = started()
            restored.load(pickle.loads(pickle.dumps(self.credit.state())))
            self.credit = restored

    def run(self, events: list[Event], lines: list[Line], refunds: dict[int, int]) -> dict[object, int]:
        """Everything within the lateness, then every refund, long after; all lines are credited in the end."""
        late = sorted(events, key=lambda event: event.time_ms + self.order.randint(0, LATENESS))
        told = sorted(range(len(lines)), key=lambda n: lines[n].time_ms + self.order.randint(0, LATENESS))
        watermark = 0
        for at, event in enumerate(late):
            share = slice(at * len(told) // len(late), (at + 1) * len(told) // len(late))
            watermark = max(watermark, event.time_ms)
            self.step([event], [(1, lines[n], lines[n].net) for n in told[share]], watermark)
        for n, back in refunds.items():
            watermark += self.order.choice([0, 30 * HOUR])
            self.step(
                [], [(-1, lines[n], lines[n].net), (1, lines[n], max(lines[n].net - back, 0))], watermark
            )
        self.take(self.credit.solve())
        return {cell: held for cell, held in self.cells.items() if held}


@settings(max_examples=60, deadline=None)
@given(events=_EVENTS, seed=st.integers(0, 10**6), back=st.integers(0, 120))
def test_credit_is_the_same_however_events_come_and_whenever_it_is_solved(events, seed, back):
    lines = lines_of(events, random.Random(seed))
    refunds = dict.fromkeys(range(0, len(lines), 2), back)
    cells = [Run(random.Random(seed + n)).run(events, lines, refunds) for n in range(3)]
    assert cells[0] == cells[1] == cells[2]
    for model in range(2):
        for group, numbers in enumerate(NUMBERS):
            given_ = sum(
                held
                for (number, id_, _, name), held in cells[0].items()
                if (number, name) == (numbers[model], "minor") and not id_.startswith("creator")
            )
            nets = [
                max(line.net - refunds.get(n, 0), 0) for n, line in enumerate(lines) if line.group == group
            ]
            assert given_ == (sum(nets) if numbers[model] >= 0 else 0)
            of_new = sum(
                held
                for (number, id_, minute, name), held in cells[0].items()
                if (number, name) == (numbers[model], "minor")
                and not id_.startswith("creator")
                and minute % 2
            )
            told = sum(
                held
                for (number, id_, _, name), held in cells[0].items()
                if (number, name) == (numbers[model], "new") and not id_.startswith("creator")
            )
            assert told == of_new


def shares_by(events: list[Event], day_end: int) -> list[list[float]]:
    """Each node's removal effect and Shapley value by the end of a day, from paths taken one by one."""
    paths = paths_by(events, day_end)
    counted = transitions_of([(nodes, won, 0, not won) for nodes, won in numbered(paths)], 1)
    effects = removal_effects(counted, NODES).conversions.tolist()
    of_six = {held: n for held, n in sets_by(paths).items() if held < 64}
    return [effects, [*map(float, brute_force(6, of_six)), *[0.0] * (NODES - 6)]]


@settings(max_examples=40, deadline=None)
@given(events=_EVENTS, seed=st.integers(0, 10**6))
def test_a_line_gives_in_proportion_to_its_own_days_weights(events, seed):
    lines = lines_of(events, random.Random(seed))
    cells = Run(random.Random(seed)).run(events, lines, {})
    expected: Counter[tuple[int, str, int]] = Counter()
    count: Counter[tuple[int, str, int]] = Counter()
    for line in lines:
        weights = shares_by(events, end_of_day_ms(line.time_ms, ZONE))
        latest: dict[str, str] = {}
        for channel in line.channels:
            node = next(node for node, channels in CHANNELS.items() if channel in channels)
            latest.pop(node, None)
            latest[node] = channel
        for model, number in enumerate(NUMBERS[line.group]):
            if number < 0:
                continue
            own = {node: Fraction(weights[model][NODE_NAMES.index(node)]) for node in latest}
            whole = sum(own.values())
            for node, channel in latest.items():
                part = own[node] / whole if whole else Fraction(1, len(own))
                expected[number, channel, line.minute] += part * line.net
                count[number, channel, line.minute] += 1
            if not latest:
                expected[number, "traffic_source\x1fdirect", line.minute] += line.net
    for cell, amount in expected.items():
        assert abs(cells.get((*cell, "minor"), 0) - amount) <= count[cell] + Fraction(1, 10**4)


def test_days_that_are_over_take_no_state_and_refunds_still_find_their_weights():
    run = Run(random.Random(1))
    events = [
        Event(T0 + n * 24 * HOUR, "u1", ["coupon\x1fc1", None, "campaign\x1fg1", None][n % 4])
        for n in range(40)
    ]
    line = Line(events[3], [events[0], events[2]], 1000, 0)
    for n, event in enumerate(events):
        run.step([event], [(1, line, line.net)] if n == 3 else [], event.time_ms)
    assert len(run.credit) == 0
    assert len(run.credit.weights.days) <= KEEP // (24 * HOUR) + 2
    before = dict(run.cells)
    run.step([], [(-1, line, 1000)], events[-1].time_ms)
    assert before
    assert not any(run.cells.values())


def test_a_share_is_split_by_largest_remainder_and_the_earlier_touch_takes_ties():
    credit = started()
    touched = [Event(T0, "u", CHANNELS["campaign"][0]), Event(T0 + 1, "u", CHANNELS["coupon"][1])]
    line = Line(Event(T0 + 2, "u"), touched, 101, 0)
    channels, further = credit.absorb(line_batch([(1, line, 101)]))
    assert {row["id"] for row in further.to_pylist()} <= set(CREATORS)
    rows = channels.to_pylist()
    assert {(row["group"], row["id"]): row["a"] for row in rows} == {
        (number, channel): [minor, 500_000, minor, minor * (line.minute % 2)]
        for number in (6, 7)
        for channel, minor in (("campaign\x1fg1", 51), ("coupon\x1fc2", 50))
    }


@pytest.mark.parametrize("model", ["markov", "shapley"])
def test_amounts_near_the_largest_lose_nothing(model):
    credit = started()
    events = [Event(T0 + n, f"u{n // 3}", CHANNELS[NODE_NAMES[n % 3]][0]) for n in range(9)]
    paid = [Event(T0 + 20, user) for user in ("u0", "u1", "u2")]
    credit.absorb_counts(PathCounts("UTC").absorb(*batches([*events, *paid])))
    line = Line(paid[0], events[:3], 10**15, 0)
    cells: Counter[str] = Counter()
    for partials in (credit.absorb(line_batch([(1, line, line.net)])), credit.solve()):
        for row in partials[0].to_pylist():
            if row["group"] == NUMBERS[0][["markov", "shapley"].index(model)]:
                cells[row["id"]] += row["a"][0]
    assert sum(cells.values()) == 10**15
    assert max(cells.values()) - min(cells.values()) <= 10**7


def test_further_channels_get_what_the_touches_that_have_them_give():
    credit = started()
    channels = [CHANNELS["campaign"][0], CHANNELS["coupon"][0], CHANNELS["ad_plan"][0]]
    touched = [Event(T0 + at, "u", channel) for at, channel in enumerate(channels)]
    lines = [Line(Event(T0 + 9, "u"), touched, 100, 0), Line(Event(T0 + 9, "v"), [], 7, 0)]
    _, further = credit.absorb(line_batch([(1, line, line.net) for line in lines]))
    expected: Counter[str] = Counter({"creator\x1fnone": 7})
    for channel, share in zip(channels, (34, 33, 33), strict=True):
        if creator_of(channel) >= 0:
            expected[ALL_NAMES[creator_of(channel)].as_py()] += share
    assert {row["id"]: row["n"][0] for row in further.to_pylist() if row["group"] == 6} == expected


def test_lines_travel_between_workers():
    touched = [Event(T0, "u", CHANNELS["campaign"][0]), Event(T0 + 1, "u", CHANNELS["coupon"][1])]
    batch = line_batch(
        [(1, Line(Event(T0 + 2, "u"), touched, 101, 0), 101), (-1, Line(Event(T0, "v"), [], 5, 1), 5)]
    )
    changes = PathCounts(ZONE).absorb(*batches(touched))
    piece = PieceCoder().decode(PieceCoder().encode(Piece(Progress(0, 1, 1, 0), (changes, batch))))
    sent, come = started(), started()
    sent.absorb_counts(changes)
    come.absorb_counts(piece.batches[0])
    sent, come = sent.absorb(batch), come.absorb(piece.batches[1])
    assert [part.to_pylist() for part in come] == [part.to_pylist() for part in sent]
