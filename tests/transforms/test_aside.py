"""A last step's own thread: the same order, the same state, nothing lost, failures told."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from counting_shard import CountingShard, piece_of

from transforms.aside import Aside
from transforms.checkpoints import Checkpoints
from transforms.pieces import Piece
from transforms.shards import Output

FAILING = 13


class Slow(CountingShard):
    """Absorbs a piece once it is let through; fails at one number."""

    def __init__(self) -> None:
        super().__init__(0)
        self.absorbed: list[int] = []
        self.through = threading.Semaphore(0)

    def absorb(self, piece: Piece) -> Iterator[Output]:
        self.through.acquire()
        if piece.progress.sequence == FAILING:
            raise ValueError("no thirteenth piece")
        self.absorbed.append(piece.progress.sequence)
        yield from ()


def handed(shard: Slow, sequences: range, passed: list[int]) -> Aside:
    def note(piece: Piece) -> None:
        passed.append(piece.progress.sequence)

    aside = Aside("slow", shard, note)
    for sequence in sequences:
        aside.hand(piece_of([], sequence))
    return aside


def test_pieces_are_absorbed_in_order_while_the_caller_goes_on() -> None:
    shard, passed = Slow(), list[int]()
    aside = handed(shard, range(1, 4), passed)
    assert shard.absorbed == []
    shard.through.release(3)
    aside.settle()
    assert shard.absorbed == passed == [1, 2, 3]
    aside.close()


def test_a_slow_step_holds_its_caller_back() -> None:
    shard, passed, handed_over = Slow(), list[int](), list[int]()
    aside = Aside("slow", shard, lambda piece: passed.append(piece.progress.sequence))

    def hand_many() -> None:
        for sequence in range(101, 201):
            aside.hand(piece_of([], sequence))
            handed_over.append(sequence)

    caller = threading.Thread(target=hand_many)
    caller.start()
    most_waiting = 0
    while caller.is_alive():
        shard.through.release()
        caller.join(0.001)
        most_waiting = max(most_waiting, len(handed_over) - len(passed))
    shard.through.release(100)
    aside.settle()
    assert passed == list(range(101, 201))
    assert most_waiting <= 4
    aside.close()


def test_a_failure_is_raised_where_the_work_was_handed_over() -> None:
    shard = Slow()
    aside = handed(shard, range(FAILING, FAILING + 1), [])
    shard.through.release()
    with pytest.raises(ValueError, match="no thirteenth piece"):
        aside.settle()
    aside.close()


def test_closing_absorbs_what_was_handed_over() -> None:
    shard, passed = Slow(), list[int]()
    aside = handed(shard, range(1, 3), passed)
    shard.through.release(2)
    aside.close()
    assert passed == [1, 2]


def test_a_checkpoint_waits_for_work_beside_the_pipeline(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "job")
    shard = Slow()
    checkpoints.register("slow", StateOf(shard))
    aside = Aside("slow", shard, lambda piece: checkpoints.passed("slow", piece.progress))
    checkpoints.beside("slow", aside)
    aside.hand(piece_of([], checkpoints.next_sequence()))
    threading.Timer(0.05, shard.through.release).start()
    assert checkpoints.finish()
    again = Checkpoints(tmp_path, "job")
    assert again.restore()
    restored = StateOf(Slow())
    again.register("slow", restored)
    assert restored.shard.absorbed == [1]
    aside.close()


class StateOf:
    """What a checkpoint keeps of a slow shard."""

    def __init__(self, shard: Slow) -> None:
        self.shard = shard

    def state(self) -> dict[str, list[int]]:
        return {"absorbed": self.shard.absorbed}

    def load(self, state: dict[str, list[int]]) -> None:
        self.shard.absorbed = state["absorbed"]


def test_a_parked_piece_travels_without_its_batches_and_comes_back_whole_once(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "job")
    piece = piece_of([4, 5], 7)
    stands_for = checkpoints.park(0, piece)
    assert stands_for.parked
    assert stands_for.batches == ()
    assert checkpoints.unpark(0, stands_for) == piece
    assert checkpoints.unpark(0, piece) is piece, "one that travels whole stays as it is"
    with pytest.raises(KeyError):
        checkpoints.unpark(0, stands_for)
