"""The shards of the pipeline as steps: stopped and restored anywhere, they go on as if nothing had been."""

import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import Recorded, at_once, only_if_urgent

from online_models.recommender import Recommender
from schemas.codecs.jsonl import without_lines
from schemas.codecs.salvage import refusals_batch
from schemas.events import EVENT_SCHEMA
from schemas.gate import compile_gate
from schemas.keys import VERSION_BYTES, model_key, recommender_key
from schemas.metrics import ATTRIBUTION_WINDOWS, SCOPES
from transforms.attribution.shard import AttributionShard
from transforms.dedup import DedupShard, Routes
from transforms.dimensions import DimensionRows, conformed
from transforms.event_view import EventView
from transforms.intake import Intake, TimeBounds
from transforms.metrics.shard import CellShard
from transforms.orders.shard import OrderShard
from transforms.pieces import AFTER_ALL_MS, BEFORE_ALL_MS, FINAL, Piece, PieceCoder, Progress
from transforms.recommend.interactions import interactions_of
from transforms.recommend.shard import LearnerShard
from transforms.shards import Output

T0 = 1_767_225_600_000
HOUR, DAY = 3_600_000, 86_400_000
BOUNDS = TimeBounds()


@dataclass(frozen=True)
class Given:
    """Dimensions that come from no file."""

    scopes: tuple[str, ...] = SCOPES

    def rows(self) -> DimensionRows:
        return ROWS


ITEMS = pa.table({"item_id": ["i1", "i2"], "merchant_id": ["m", "m"]})
CREATORS = pa.table({"creator_id": ["k1"], "kind": ["creator"], "base_id": ["b1"]})
ROWS = DimensionRows({"items": conformed(ITEMS, "items"), "creators": conformed(CREATORS, "creators")})
DIMENSIONS: Any = Given()
Row = dict[str, Any]


@st.composite
def _rows(draw: st.DrawFn) -> list[Row]:
    """Events of few users, items and orders, in about their order of time; some come twice, some changed."""
    rows: list[Row] = []
    for number in range(draw(st.integers(1, 25))):
        kind = draw(st.sampled_from(["view", "click", "order", "order", "follow", "live"]))
        row = {
            "event_id": f"e{number}", "event_type": kind, "event_time": T0 + number * 50_000 - draw(st.integers(0, 60_000)),
            "user_id": draw(st.sampled_from(["u1", "u2"])), "item_id": draw(st.sampled_from(["i1", "i2", "i3"])),
            "room_id": draw(st.sampled_from([None, "r1"])), "session_id": "s1",
            "creator_id": draw(st.sampled_from([None, "k1", "k2"])), "coupon_id": draw(st.sampled_from([None, "c1"])),
        }  # fmt: skip
        if kind == "order":
            order = draw(st.sampled_from(["o1", "o2"]))
            row |= {
                "order_id": order, "user_id": f"u-{order}", "quantity": 1, "amount_minor": draw(st.sampled_from([100, 7])),
                "currency": "CNY", "order_status": draw(st.sampled_from(["placed", "paid", "paid", "refunded"])),
            }  # fmt: skip
        if kind == "live":
            said = {"campaign_id": [None, "g"], "base_id": [None, "b2", "b3"], "live_status": ["started"]}
            row = {name: row[name] for name in ("event_id", "event_type", "event_time", "session_id")}
            row |= {"creator_id": "k1", "room_id": "r1"} | {
                name: draw(st.sampled_from(of)) for name, of in said.items()
            }
        if kind == "follow":
            row["item_id"] = None
        rows.append(row)
        if draw(st.integers(0, 4)) == 0:
            rows.append(draw(st.sampled_from(rows)) | draw(st.sampled_from([{}, {"room_id": "other"}])))
    return rows


def admitted(rows: list[Row], cuts: set[int]) -> list[Piece]:
    """The rows as intake hands them on, in pieces cut at these places, and a last one that says it is the end."""
    intake, highest, pieces = Intake(compile_gate(), BOUNDS), BEFORE_ALL_MS, list[Piece]()
    bounds = sorted({0, *(cut for cut in cuts if cut < len(rows))})
    for begin, end in zip(bounds, [*bounds[1:], len(rows)], strict=True):
        batch = pa.RecordBatch.from_pylist(rows[begin:end], schema=EVENT_SCHEMA)
        taken = intake.take(without_lines(batch, refusals_batch([])), highest)
        assert not taken.refused.num_rows, taken.refused.to_pylist()
        highest = taken.highest_ms
        progress = Progress(0, 1, len(pieces) + 1, highest - BOUNDS.max_out_of_orderness_ms)
        pieces.append(Piece(progress, (taken.admitted,)))
    end_of_all = Progress(0, 1, len(pieces) + 1, AFTER_ALL_MS)
    return [*pieces, Piece(end_of_all, (pieces[-1].batch.slice(0, 0),), FINAL)]


STEPS = ("dedup", "orders", "credits", "cells", "learner")


class Chain:
    """The steps one after another, as the pipeline chains them, with one shard each."""

    def __init__(self, published: Recorded, pace: Callable[[], Any] | None = None) -> None:
        self._pace = pace or at_once()
        self.counters: dict[str, int] = {}
        self.dead: list[str] = []
        self.published = published
        self.logged: dict[str, list[Piece]] = {name: [] for name in STEPS}
        self._open()

    def _open(self) -> None:
        published, pace = self.published, self._pace
        self.dedup = DedupShard(0, BOUNDS.dedup_horizon_ms, Routes(1, True, DIMENSIONS), self._count)
        self.orders = OrderShard(0, 1, 30 * DAY, HOUR, published, "is", pace)
        self.credits = AttributionShard(0, 1, ATTRIBUTION_WINDOWS, 30 * DAY, HOUR, published, "is", pace)
        self.cells = CellShard(
            "Asia/Shanghai", HOUR, 30 * DAY, published, "is", pace, pace, windows=ATTRIBUTION_WINDOWS
        )
        self.learner = LearnerShard(published, "is", pace)

    def _count(self, name: str, more: int) -> None:
        self.counters[name] = self.counters.get(name, 0) + more

    def take(self, piece: Piece) -> None:
        """Carry one piece through every step, across workers: each hop goes through the coder."""
        for tag, (_, out) in self._absorbed("dedup", piece):
            if tag == "new":
                for _, (_, lines) in self._absorbed("orders", out):
                    for _, (_, figures) in self._absorbed("credits", lines):
                        assert not self._absorbed("cells", figures)
            elif tag == "learn":
                assert not self._absorbed("learner", out)
            else:
                self.dead += [name for batch in out.batches for name in batch["event_id"].to_pylist()]

    def _absorbed(self, step: str, piece: Piece) -> list[Output]:
        """Let a step absorb a piece, and log what its state is made of."""
        shard = getattr(self, step)
        outputs = carried(shard.absorb(piece))
        self.logged[step] += [out for _, (_, out) in carried([("", (0, shard.logged(piece)))])]
        return outputs

    def restart(self) -> None:
        """Write all state down, lose the memory, and read it back into new shards."""
        written = {name: pickle.dumps(getattr(self, name).state(), protocol=5) for name in STEPS}
        self.published.attempt += 1
        self._open()
        for name in STEPS:
            getattr(self, name).load(pickle.loads(written[name]))

    def crash(self) -> None:
        """Lose the memory and what it had not written yet; each step absorbs what it logged again, muted."""
        self.published.attempt += 1
        self._open()
        for name in STEPS:
            shard = getattr(self, name)
            shard.mute(True)
            for piece in self.logged[name]:
                list(shard.absorb(piece))
            shard.mute(False)


def carried(outputs: Iterable[Output]) -> list[Output]:
    coder = PieceCoder()
    return [(tag, (key, coder.decode(coder.encode(piece)))) for tag, (key, piece) in outputs]


def _model_apart(published: Recorded) -> dict[tuple[str, str], bytes]:
    """All figures that are not 0, and which order events the log holds, however they came to be written.

    What moved to another base or channel leaves zeros behind, unless it was never there when figures were written;
    credit that was given and wholly taken back likewise. The model's rows are compared by its digest, since they say how
    often they were published.
    """
    held = published.bodies()
    bodies = {name: body for name, body in held.items() if not _is_taken_back(name[0], body)}
    logged = [body for (key, _), body in bodies.items() if key.startswith("is:{o:")]
    events = {
        row["event_id"]: row for body in logged for row in pa.ipc.open_stream(body).read_all().to_pylist()
    }
    figures = {name: body for name, body in bodies.items() if not name[0].startswith(("is:{r", "is:{o:"))}
    figures = {
        name: body for name, body in figures.items()
        if not name[0].startswith("is:{m:") or any(msgspec.msgpack.decode(body))
    }  # fmt: skip
    return figures | {("logged", name): repr(events[name]).encode() for name in sorted(events)}


def _is_taken_back(key: str, body: bytes) -> bool:
    return key.startswith(("is:{a:", "is:{n:")) and not any(msgspec.msgpack.decode(body))


@settings(max_examples=40, deadline=None)
@given(_rows(), st.sets(st.integers(1, 30), max_size=5), st.sets(st.integers(0, 5), max_size=3))
def test_a_chain_stopped_and_restored_publishes_what_one_that_never_stopped_does(
    rows: list[Row], cuts: set[int], stops: set[int]
) -> None:
    pieces = admitted(rows, cuts)
    once, again = Chain(Recorded()), Chain(Recorded())
    for number, piece in enumerate(pieces):
        once.take(piece)
        again.take(piece)
        if number in stops:
            again.restart()
    assert _model_apart(again.published) == _model_apart(once.published)
    assert again.published.windows == once.published.windows
    assert (again.dead, again.counters) == (once.dead, once.counters)
    assert model_of(again.learner) == model_of(once.learner)


@settings(max_examples=40, deadline=None)
@given(_rows(), st.sets(st.integers(1, 30), max_size=5), st.sets(st.integers(0, 5), max_size=3))
def test_a_chain_that_dies_before_it_has_written_publishes_it_once_it_is_rebuilt(
    rows: list[Row], cuts: set[int], deaths: set[int]
) -> None:
    pieces = admitted(rows, cuts)
    once, again = (Chain(Recorded(), only_if_urgent()) for _ in range(2))
    for number, piece in enumerate(pieces):
        once.take(piece)
        again.take(piece)
        if number in deaths and piece.urgent != FINAL:
            again.crash()
    assert _model_apart(again.published) == _model_apart(once.published)
    assert (again.dead, again.counters) == (once.dead, once.counters)


@settings(max_examples=40, deadline=None)
@given(_rows(), st.sets(st.integers(1, 30), max_size=5), st.sets(st.integers(1, 30), max_size=5))
def test_however_the_source_is_cut_the_figures_are_the_same(
    rows: list[Row], one: set[int], other: set[int]
) -> None:
    chains = [Chain(Recorded()), Chain(Recorded())]
    for chain, cuts in zip(chains, (one, other), strict=True):
        for piece in admitted(rows, cuts):
            chain.take(piece)
    first, second = chains
    assert _model_apart(first.published) == _model_apart(second.published)
    assert sorted(first.dead) == sorted(second.dead)
    assert first.counters == second.counters


def model_of(learner: LearnerShard) -> str:
    """The digest of the model as its snapshot holds it."""
    return Recommender.from_snapshot(learner.state()["model"]).digest()


def interactions(rows: list[Row], watermark_ms: int, urgent: int = 0) -> Piece:
    batch = pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA)
    return Piece(Progress(0, 1, 1, watermark_ms), (interactions_of(EventView(batch)),), urgent)


def _click(number: int, time_ms: int, user: str, item: str) -> Row:
    return {
        "event_id": f"e{number}",
        "event_type": "click",
        "event_time": time_ms,
        "user_id": user,
        "item_id": item,
    }


def learner(published: Recorded, pace: Callable[[], Any] | None = None) -> LearnerShard:
    return LearnerShard(published, "is", pace or at_once())


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(24)), st.sets(st.integers(1, 23), max_size=4))
def test_events_within_the_watermark_teach_the_same_in_any_order_and_any_pieces(
    arrival: list[int], cuts: set[int]
) -> None:
    """As far as the watermark tells the truth: nothing older than it is still to come."""
    rows = [_click(n, T0 + n // 3 * 1000, f"u{n % 3}", f"i{n * 7 % 5}") for n in range(24)]
    straight, mixed = learner(Recorded()), learner(Recorded())
    list(straight.absorb(interactions(rows, T0)))
    for begin, end in pairwise([0, *sorted(cuts), 24]):
        to_come = min((rows[n]["event_time"] for n in arrival[end:]), default=T0 + HOUR)
        list(mixed.absorb(interactions([rows[n] for n in arrival[begin:end]], to_come)))
    for one in (straight, mixed):
        list(one.absorb(interactions([], AFTER_ALL_MS, FINAL)))
    assert model_of(mixed) == model_of(straight)


def test_nothing_is_learned_before_the_watermark_has_passed_it() -> None:
    one = learner(Recorded())
    empty = model_of(one)
    list(one.absorb(interactions([_click(1, T0, "u", "i")], T0)))
    assert model_of(one) == empty
    list(one.absorb(interactions([], T0 + 1)))
    assert model_of(one) != empty


def test_at_the_end_every_user_and_item_is_published_however_many_there_are() -> None:
    published = Recorded()
    one = learner(published, only_if_urgent())
    rows = [_click(n, T0 + n, f"u{n}", f"i{n % 50}") for n in range(25_000)]
    list(one.absorb(interactions(rows, T0)))
    assert not published.held
    list(one.absorb(interactions([], AFTER_ALL_MS, FINAL)))
    assert (model_key("is"), "model") in published.held
    missing = [
        n for n in range(25_000) if (recommender_key("is", "u", f"u{n}"), f"u{n}") not in published.held
    ]
    assert missing == []
    assert all((recommender_key("is", "i", f"i{n}"), f"i{n}") in published.held for n in range(50))
    assert all(len(value) > VERSION_BYTES for value in published.held.values())


def test_a_muted_shard_publishes_nothing() -> None:
    lived, published = Chain(Recorded()), Recorded()
    for piece in admitted([_click(1, T0, "u", "i1")], set()):
        lived.take(piece)
    chain = Chain(published)
    for name in STEPS:
        shard = getattr(chain, name)
        shard.mute(True)
        for piece in lived.logged[name]:
            list(shard.absorb(piece))
    assert lived.published.held != {}
    assert published.held == {}
    assert published.told == {}
