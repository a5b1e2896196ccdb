"""Keyed state that outlives the worker: rebuilt from the log, whatever worker goes on, whatever attempt failed."""

import pickle
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from counting_shard import PUBLISHED, CountingShard, numbers_of, piece_of
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import StateError
from transforms import checkpoints, shards
from transforms.pieces import Keyed, PieceCoder
from transforms.shards import Sharded, _ShardDoFn


@dataclass
class Cells:
    """The Beam state of one key: what a runner keeps and hands to whichever worker comes next."""

    entries: list[bytes] = field(default_factory=list)
    number: int | None = None

    def copy(self) -> "Cells":
        return Cells(list(self.entries), self.number)


class Log:
    def __init__(self, cells: Cells) -> None:
        self._cells = cells

    def read(self) -> Iterator[bytes]:
        return iter(list(self._cells.entries))

    def add(self, entry: bytes) -> None:
        self._cells.entries.append(entry)

    def clear(self) -> None:
        self._cells.entries.clear()


class Version:
    def __init__(self, cells: Cells) -> None:
        self._cells = cells

    def read(self) -> int | None:
        return self._cells.number

    def write(self, number: int) -> None:
        self._cells.number = number


def worker() -> _ShardDoFn:
    fn = _ShardDoFn("Count", CountingShard, None)
    fn.setup()
    return fn


def fed(
    fn: _ShardDoFn, key: int, numbers: list[int], cells: Cells
) -> list[tuple[str, tuple[int, list[int]]]]:
    """What a worker makes of one piece; its writes go to `cells`."""
    outputs = fn.process((key, piece_of(numbers)), Log(cells), Version(cells), Log(Cells()))
    return [(output.tag, numbers_of(output.value)) for output in outputs]


def expected(key: int, numbers: list[int]) -> list[tuple[str, tuple[int, list[int]]]]:
    return [("told", (key, numbers)), ("size", (key, [len(numbers)]))]


_Bundle = tuple[int, int, list[list[int]], bool]
"""Which worker, key, pieces, and whether what it did is committed."""
_BUNDLES = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, 1), st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=3),
        st.sampled_from([True, True, False]),
    ),
    max_size=14,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(_BUNDLES, st.sampled_from([1, 600, 1 << 30]))
def test_every_worker_goes_on_from_what_was_committed(bundles: list[_Bundle], compact_after: int) -> None:
    """An attempt that failed leaves nothing; the next one may hold other pieces and be on another worker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "COMPACT_AFTER_BYTES", compact_after)
        workers = [worker() for _ in range(3)]
        committed, told = defaultdict(Cells), defaultdict[int, list[int]](list)
        for number, key, pieces, succeeds in bundles:
            cells, numbers = committed[key].copy(), list(told[key])
            for piece in pieces:
                numbers += piece
                assert fed(workers[number], key, piece, cells) == expected(key, numbers)
            if succeeds:
                committed[key], told[key] = cells, numbers


def test_a_piece_whose_outputs_failed_downstream_is_not_absorbed_twice() -> None:
    fn, cells = worker(), Cells()
    fed(fn, 0, [1], cells)
    outputs = fn.process((0, piece_of([2])), Log(cells), Version(cells), Log(Cells()))
    next(outputs)
    outputs.close()
    assert fed(fn, 0, [2], cells) == expected(0, [1, 2])


def test_what_is_rebuilt_is_not_published_again() -> None:
    cells = Cells()
    for number in range(3):
        fed(worker(), 0, [number], cells)
    PUBLISHED.clear()
    assert fed(worker(), 0, [3], cells) == expected(0, [0, 1, 2, 3])
    assert PUBLISHED == [(0, [0, 1, 2, 3])]


def test_the_log_is_compacted_before_it_grows_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "COMPACT_AFTER_BYTES", 20_000)
    fn, cells, most = worker(), Cells(), 0
    for number in range(200):
        fed(fn, 0, [number], cells)
        most = max(most, sum(map(len, cells.entries)))
    assert most < 25_000
    assert fed(worker(), 0, [], cells) == expected(0, list(range(200)))


@pytest.mark.parametrize("compact_after", [1, 1 << 30], ids=["snapshot", "log of pieces"])
def test_state_of_another_format_is_refused_and_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, compact_after: int
) -> None:
    monkeypatch.setattr(shards, "COMPACT_AFTER_BYTES", compact_after)
    cells, written = Cells(), checkpoints.FORMAT
    fed(worker(), 0, [1], cells)
    before = cells.copy()
    monkeypatch.setattr(checkpoints, "FORMAT", written + 1)
    fn = worker()
    for _ in range(2):
        with pytest.raises(StateError, match=rf"step Count has format {written},.*--fresh"):
            fed(fn, 0, [2], cells)
    assert cells == before


def test_a_snapshot_in_many_parts_is_put_together_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "COMPACT_AFTER_BYTES", 1)
    monkeypatch.setattr(shards, "_PART_BYTES", 16)
    cells = Cells()
    for number in range(30):
        fed(worker(), 0, [number], cells)
    assert len(cells.entries) > 4
    assert max(map(len, cells.entries)) < 40
    assert fed(worker(), 0, [], cells) == expected(0, list(range(30)))


def test_state_from_before_formats_were_written_is_refused() -> None:
    snapshot = pickle.dumps(CountingShard(0).state(), protocol=5)
    for entry in (b"s" + snapshot, b"p" + PieceCoder().encode(piece_of([1]))):
        with pytest.raises(StateError):
            fed(worker(), 0, [2], Cells([entry], 7))


_PIECES = [(key, [10 * key + number]) for number in range(5) for key in range(3)]


def _sums(pieces: list[tuple[int, list[int]]]) -> list[tuple[int, list[int]]]:
    """What is told after every piece, key by key."""
    held, told = defaultdict[int, list[int]](list), []
    for key, numbers in pieces:
        held[key] += numbers
        told.append((key, list(held[key])))
    return told


def test_on_a_runner_state_is_kept_by_key_and_every_output_has_its_name() -> None:
    keyed: list[Keyed] = [(key, piece_of(numbers)) for key, numbers in _PIECES]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        pieces = pipeline | beam.Create(keyed, reshuffle=False).with_output_types(Keyed)
        outputs = pieces | Sharded("Count", CountingShard, ("told", "size"), None)
        told = outputs.told | "Told" >> beam.Map(numbers_of)
        sizes = outputs.size | "Sizes" >> beam.Map(lambda keyed: keyed[1].batch["n"][0].as_py())
        assert_that(told, equal_to(_sums(_PIECES)), label="told")
        assert_that(sizes, equal_to([1, 2, 3, 4, 5] * 3), label="sizes")


_LOG, _VERSION, _ARCHIVE = map(beam.DoFn.StateParam, (_ShardDoFn.LOG, _ShardDoFn.VERSION, _ShardDoFn.ARCHIVE))


class _Reborn(_ShardDoFn):
    """Loses its memory before every piece, as if each came to another worker."""

    def process(
        self,
        element: Any,
        log: Any = _LOG,
        version: Any = _VERSION,
        archive: Any = _ARCHIVE,
    ) -> Iterator[Any]:
        self.setup()
        yield from super().process(element, log, version, archive)


def test_on_a_runner_memory_is_rebuilt_from_beam_state_alone() -> None:
    keyed: list[Keyed] = [(key, piece_of(numbers)) for key, numbers in _PIECES]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        pieces = pipeline | beam.Create(keyed, reshuffle=False).with_output_types(Keyed)
        step = beam.ParDo(_Reborn("Count", CountingShard, None)).with_output_types(Keyed)
        outputs = pieces | step.with_outputs("told", "size")
        told = shards.typed(outputs, ("told", "size")).told | beam.Map(numbers_of)
        assert_that(told, equal_to(_sums(_PIECES)))
