"""Local checkpoints: only of a consistent cut, never half, and a new epoch after each."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from counting_shard import CountingShard, piece_of

from schemas.errors import StateError
from transforms import checkpoints as registry
from transforms.checkpoints import MANIFEST, Checkpoints
from transforms.shards import _ShardDoFn


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class ArrayShard:
    """A shard whose state is large arrays, as the real ones' is."""

    def __init__(self) -> None:
        self.held = np.zeros(0, np.int64)

    def state(self) -> dict[str, Any]:
        return {"held": self.held, "none": self.held[:0], "texts": ["事", ""]}

    def load(self, state: dict[str, Any]) -> None:
        assert state["texts"] == ["事", ""]
        assert len(state["none"]) == 0
        self.held = np.array(state["held"])


def opened(folder: Path, clock: Clock | None = None, job: str = "job", **more: Any) -> Checkpoints:
    return Checkpoints(folder, job, clock=clock or Clock(), every_s=10.0, **more)


def with_shard(checkpoints: Checkpoints, name: str = "a-0") -> CountingShard:
    shard = CountingShard(0)
    checkpoints.register(name, shard)
    return shard


def send(checkpoints: Checkpoints, shards: dict[str, CountingShard], numbers: list[int]) -> None:
    """One piece through every shard, as the runner would carry it."""
    piece = piece_of(numbers, checkpoints.next_sequence())
    for name, shard in shards.items():
        list(shard.absorb(piece))
        checkpoints.passed(name, piece.progress)


def test_nothing_is_taken_before_it_is_due(tmp_path: Path) -> None:
    clock = Clock()
    checkpoints = opened(tmp_path, clock)
    shard = with_shard(checkpoints)
    send(checkpoints, {"a-0": shard}, [1])
    assert not checkpoints.offer()
    clock.now_s += 9.9
    assert not checkpoints.offer()
    clock.now_s += 0.1
    assert checkpoints.offer()
    clock.now_s += 9.9
    assert not checkpoints.offer()


def test_checkpoints_take_about_a_tenth_of_the_time_at_most(tmp_path: Path) -> None:
    """One that takes 3 s is followed by 30 s without."""
    clock = Clock()
    checkpoints = opened(tmp_path, clock, on_taken=lambda _: setattr(clock, "now_s", clock.now_s + 3.0))
    shard = with_shard(checkpoints)
    send(checkpoints, {"a-0": shard}, [1])
    checkpoints.offer()
    clock.now_s += 10.0
    assert checkpoints.offer()
    clock.now_s += 29.9
    assert not checkpoints.offer()
    clock.now_s += 0.2
    assert checkpoints.offer()


def test_a_cut_is_taken_only_where_every_shard_has_passed_every_piece(tmp_path: Path) -> None:
    clock = Clock()
    checkpoints = opened(tmp_path, clock)
    assert not checkpoints.offer(final=True), "no shard is known yet"
    shards = {name: with_shard(checkpoints, name) for name in ("a-0", "b-0")}
    assert not checkpoints.offer(final=True), "nothing has passed"
    piece = piece_of([1], checkpoints.next_sequence())
    checkpoints.passed("a-0", piece.progress)
    assert not checkpoints.offer(final=True), "b-0 is behind"
    checkpoints.passed("b-0", piece.progress)
    second = checkpoints.next_sequence()
    assert not checkpoints.offer(final=True), "a second piece is under way"
    for name, shard in shards.items():
        list(shard.absorb(piece_of([2], second)))
        checkpoints.passed(name, piece_of([2], second).progress)
    assert checkpoints.finish()


def test_a_job_restored_goes_on_with_state_position_counters_and_epoch(tmp_path: Path) -> None:
    epochs: list[int] = []
    first = opened(tmp_path, on_taken=epochs.append)
    shard = with_shard(first)
    first.count("events", 3)
    first.sent(0, "there", None)
    send(first, {"a-0": shard}, [1, 2])
    assert first.finish()
    first.count("events", 4)
    first.sent(0, "further", None)
    send(first, {"a-0": shard}, [3])
    assert (first.epoch, epochs) == (2, [2])

    again = opened(tmp_path)
    assert again.restore()
    assert (again.position, again.counters, again.epoch) == ({0: "there"}, {"events": 3}, 1)
    restored = with_shard(again)
    assert restored.numbers == [1, 2]
    assert again.next_sequence() == 2, "pieces are numbered on, so that alignment is judged as before"
    assert with_shard(again, "other").numbers == []


def test_every_checkpoint_has_a_higher_epoch_than_the_one_before(tmp_path: Path) -> None:
    checkpoints = opened(tmp_path)
    shard = with_shard(checkpoints)
    for expected in range(1, 5):
        send(checkpoints, {"a-0": shard}, [expected])
        assert checkpoints.finish()
        again = opened(tmp_path)
        assert again.restore()
        assert again.epoch == expected
        assert checkpoints.epoch == expected + 1


def test_a_shard_not_met_again_before_the_next_checkpoint_keeps_its_state(tmp_path: Path) -> None:
    first = opened(tmp_path)
    shards = {name: with_shard(first, name) for name in ("a-0", "b-0")}
    send(first, shards, [1])
    assert first.finish()
    second = opened(tmp_path)
    assert second.restore()
    send(second, {"a-0": with_shard(second, "a-0")}, [2])
    assert second.finish()
    third = opened(tmp_path)
    assert third.restore()
    assert with_shard(third, "a-0").numbers == [1, 2]
    assert with_shard(third, "b-0").numbers == [1]


@pytest.mark.parametrize("left", [b"", b"half a manifest"])
def test_a_kill_while_writing_leaves_the_last_whole_checkpoint(tmp_path: Path, left: bytes) -> None:
    checkpoints = opened(tmp_path)
    shard = with_shard(checkpoints)
    send(checkpoints, {"a-0": shard}, [1])
    assert checkpoints.finish()
    (tmp_path / f"{MANIFEST}.new").write_bytes(left)
    again = opened(tmp_path)
    assert again.restore()
    restored = with_shard(again)
    assert restored.numbers == [1]
    send(again, {"a-0": restored}, [2])
    assert again.finish(), "what a kill left is in nobody's way"
    third = opened(tmp_path)
    assert third.restore()
    assert with_shard(third).numbers == [1, 2]


class _FullDiskError(OSError):
    """Stands for whatever stops a write."""


def test_a_write_that_fails_leaves_the_last_whole_checkpoint_and_its_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = opened(tmp_path)
    shard = with_shard(checkpoints)
    send(checkpoints, {"a-0": shard}, [1])
    assert checkpoints.finish()
    send(checkpoints, {"a-0": shard}, [2])

    def fail(_: int) -> None:
        raise _FullDiskError

    monkeypatch.setattr(registry.os, "fsync", fail)
    with pytest.raises(_FullDiskError):
        checkpoints.finish()
    assert checkpoints.epoch == 2
    again = opened(tmp_path)
    assert again.restore()
    assert with_shard(again).numbers == [1]


def test_arrays_come_back_equal_and_may_be_changed(tmp_path: Path) -> None:
    first = opened(tmp_path)
    shard = ArrayShard()
    shard.held = np.arange(300_000)
    first.register("a-0", shard)
    first.passed("a-0", piece_of([], first.next_sequence()).progress)
    assert first.finish()
    shard.held[:] = -1
    again, restored = opened(tmp_path), ArrayShard()
    assert again.restore()
    again.register("a-0", restored)
    assert np.array_equal(restored.held, np.arange(300_000))
    restored.held[0] = 5
    (tmp_path / MANIFEST).unlink()
    assert restored.held[-1] == 299_999


def test_another_job_starts_anew_and_nothing_there_is_none(tmp_path: Path) -> None:
    assert not opened(tmp_path).restore()
    checkpoints = opened(tmp_path)
    send(checkpoints, {"a-0": with_shard(checkpoints)}, [1])
    assert checkpoints.finish()
    assert not opened(tmp_path, job="another").restore()
    checkpoints.forget()
    checkpoints.forget()
    assert not opened(tmp_path).restore()


@pytest.mark.parametrize("damaged", [b"", b"\x80\x05junk", b"\x00" * 40])
def test_a_damaged_checkpoint_is_an_error_that_names_the_remedy(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(damaged)
    with pytest.raises(StateError, match="--fresh"):
        opened(tmp_path).restore()


def test_a_truncated_checkpoint_is_an_error_too(tmp_path: Path) -> None:
    checkpoints, shard = opened(tmp_path), ArrayShard()
    shard.held = np.arange(5000)
    checkpoints.register("a-0", shard)
    checkpoints.passed("a-0", piece_of([], checkpoints.next_sequence()).progress)
    assert checkpoints.finish()
    whole = (tmp_path / MANIFEST).read_bytes()
    for kept in (3, 20, 200, len(whole) - 1):
        (tmp_path / MANIFEST).write_bytes(whole[:kept])
        with pytest.raises(StateError, match="--fresh"):
            opened(tmp_path).restore()


def test_steps_register_their_shards_and_report_what_passed(tmp_path: Path) -> None:
    """The way of a real pipeline: a step of a local job keeps its state with the job's checkpoints, not in Beam."""
    checkpoints = opened(tmp_path)
    registry.activate("job", checkpoints)
    try:
        step = _ShardDoFn("Count", CountingShard, "job")
        step.setup()
        for numbers in ([1], [2, 3]):
            piece = piece_of(numbers, checkpoints.next_sequence())
            outputs = step.process((4, piece), None, None)
            next(outputs)
            assert not checkpoints.offer(final=True), "its outputs are still under way"
            list(outputs)
        assert checkpoints.finish()
    finally:
        registry.deactivate("job")
    again = opened(tmp_path)
    assert again.restore()
    assert with_shard(again, "Count-4").numbers == [1, 2, 3]
    with pytest.raises(KeyError):
        registry.of("job")
