"""Pieces that a runner brings in any order: absorbed as they were sent, by whichever worker goes on."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_shards import Cells, Log, Version

from transforms import shards
from transforms.ordering import InOrder, Numbers
from transforms.pieces import Keyed, Piece, Progress
from transforms.shards import Output, _ShardDoFn

_SENDERS = 3
_SENT = st.lists(st.integers(0, _SENDERS - 1), max_size=12)
"""Who sends, in the order of sending."""


def numbered(senders: list[int]) -> list[Piece]:
    """Number each sender's pieces from 1 on."""
    told, pieces = defaultdict[int, int](int), []
    for sender in senders:
        told[sender] += 1
        pieces.append(Piece(Progress(sender, _SENDERS, told[sender], 0), ()))
    return pieces


def names(pieces: list[Piece]) -> list[tuple[int, int]]:
    return [(piece.progress.sender, piece.progress.sequence) for piece in pieces]


@given(st.data(), _SENT)
def test_each_senders_pieces_come_out_whole_and_in_order_and_none_waits_for_another_sender(
    data: st.DataObject, senders: list[int]
) -> None:
    sent, order, out = numbered(senders), InOrder(), list[tuple[int, int]]()
    arrived = data.draw(st.permutations(sent))
    for count, piece in enumerate(arrived, 1):
        out += names(order.take(piece))
        here = set(names(arrived[:count]))
        for sender in range(_SENDERS):
            unbroken = next(number for number in range(1, len(sent) + 2) if (sender, number) not in here)
            assert [name for name in out if name[0] == sender] == [(sender, n) for n in range(1, unbroken)]
    assert sorted(out) == sorted(names(sent))


def test_a_piece_that_comes_again_is_left_out_and_one_without_a_number_never_waits() -> None:
    order, [first, second, third] = InOrder(), numbered([0, 0, 0])
    outside = Piece(Progress(0, 1, 0, 0), ())
    arrivals = (first, first, outside, third, third, second, third, outside)
    taken = [names(order.take(piece)) for piece in arrivals]
    assert taken == [[(0, 1)], [], [(0, 0)], [], [], [(0, 2), (0, 3)], [], [(0, 0)]]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2)), max_size=20))
def test_what_is_numbered_comes_back_in_order_at_every_receiver(outputs: list[tuple[str, int]]) -> None:
    numbers, sent = Numbers(), defaultdict[tuple[str, int], list[Piece]](list)
    for place, (output, receiver) in enumerate(outputs):
        to, piece = numbers.numbered(
            output, (receiver, Piece(Progress(7, 1, 0, place), (), urgent=place % 4))
        )
        assert (to, piece.progress.watermark_ms, piece.urgent) == (receiver, place, place % 4)
        sent[output, receiver].append(piece)
    for pieces in sent.values():
        order = InOrder()
        backwards = [ready for piece in reversed(pieces) for ready in order.take(piece)]
        assert backwards == pieces


class Recorder:
    """Tells the numbers of all pieces that it has absorbed so far."""

    def __init__(self, key: int) -> None:
        self.key, self.absorbed = key, list[tuple[int, int]]()

    def absorb(self, piece: Piece) -> Iterator[Output]:
        self.absorbed += names([piece])
        yield "out", (0, Piece(Progress(self.key, 1, 0, len(self.absorbed)), ()))

    def logged(self, piece: Piece) -> Piece:
        return piece

    def state(self) -> dict[str, Any]:
        return {"absorbed": list(self.absorbed)}

    def load(self, state: dict[str, Any]) -> None:
        self.absorbed = list(state["absorbed"])

    def mute(self, muted: bool) -> None:
        """It publishes nothing."""

    def outlet(self) -> None:
        return None

    def republish(self) -> None:
        raise AssertionError("It publishes nothing.")


def fed(fn: _ShardDoFn, piece: Piece, cells: Cells) -> list[Keyed]:
    outputs = fn.process((0, piece), Log(cells), Version(cells), Log(Cells()))
    return [output.value for output in outputs]


@settings(max_examples=60, deadline=None)
@given(st.data(), _SENT, st.sampled_from([1, 300, 1 << 30]))
def test_a_step_absorbs_in_order_and_numbers_what_it_sends_whichever_worker_goes_on(
    data: st.DataObject, senders: list[int], compact_after: int
) -> None:
    """What waits, and how far each sender is, is part of the state: in the log and in the snapshot."""
    arrived = data.draw(st.permutations(numbered(senders)))
    held, cells, told = list[Recorder](), Cells(), list[Keyed]()

    def made(key: int) -> Recorder:
        held.append(Recorder(key))
        return held[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "COMPACT_AFTER_BYTES", compact_after)
        workers = [_ShardDoFn("Record", made, None) for _ in range(3)]
        for worker in workers:
            worker.setup()
        for piece in arrived:
            told += fed(data.draw(st.sampled_from(workers)), piece, cells)
    counts = list(range(1, len(senders) + 1))
    assert [piece.progress.sequence for _, piece in told] == counts
    assert [piece.progress.watermark_ms for _, piece in told] == counts
    last = max((recorder.absorbed for recorder in held), key=len, default=[])
    assert sorted(last) == sorted(names(arrived))
    for sender in range(_SENDERS):
        mine = [number for who, number in last if who == sender]
        assert mine == sorted(mine)
