"""A reader's pauses: as short as may be where its process has time, longer where pieces would fill it."""

import pytest

from transforms.io.gathering import BUSY, LEAST_S, MOST_S, Gathering


class Worker:
    """A process in which each piece takes `piece_s` of CPU, and its clock."""

    def __init__(self, piece_s: float) -> None:
        self.piece_s = piece_s
        self.now = self.used = 0.0
        self.gathering = Gathering(clock=lambda: self.now, cpu_clock=lambda: self.used)

    def run(self, for_s: float) -> int:
        """Visit whenever the pause is over; returns how many pieces were sent."""
        end, pieces = self.now + for_s, 0
        while self.now < end:
            self.used += self.piece_s
            self.now += self.piece_s
            self.gathering.begin()
            self.now += self.gathering.left_s()
            pieces += 1
        return pieces


def test_pieces_follow_at_once_where_there_is_time() -> None:
    worker = Worker(0.01)
    worker.run(30.0)
    assert worker.run(10.0) == pytest.approx(10.0 / (LEAST_S + 0.01), abs=1)


def test_pieces_that_would_fill_a_process_take_no_more_than_it_may_be_busy() -> None:
    worker = Worker(0.12)
    worker.run(30.0)
    used = worker.used
    worker.run(30.0)
    assert (worker.used - used) / 30.0 == pytest.approx(BUSY, abs=0.05)


def test_no_pause_is_longer_than_the_longest() -> None:
    worker = Worker(5.0)
    worker.run(300.0)
    assert worker.gathering.left_s() <= MOST_S
    assert worker.run(300.0) == pytest.approx(300.0 / (5.0 + MOST_S), abs=1)


def test_what_was_busy_is_quick_again() -> None:
    worker = Worker(0.4)
    worker.run(30.0)
    worker.piece_s = 0.001
    worker.run(30.0)
    assert worker.run(10.0) == pytest.approx(10.0 / LEAST_S, abs=2)
