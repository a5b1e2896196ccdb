"""Pieces between workers: what one wrote, another reads; and the watermark that they carry."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.pieces import BEFORE_ALL_MS, FINAL, LATER, LowWatermark, Piece, PieceCoder, Progress

_COLUMNS = {
    "text": (pa.string(), st.text(max_size=3)), "bytes": (pa.binary(), st.binary(max_size=3)),
    "long": (pa.int64(), st.integers(-9, 9)), "flag": (pa.bool_(), st.booleans()), "tiny": (pa.int8(), st.integers(-9, 9)),
    "time": (pa.timestamp("ms", "UTC"), st.integers(0, 9)), 
    "named": (pa.dictionary(pa.int32(), pa.string()), st.text(max_size=2)),
    "vector": (pa.list_(pa.int64(), 2), st.lists(st.integers(0, 9), min_size=2, max_size=2)),
}  # fmt: skip


_PROGRESS = st.tuples(*[st.integers(0, 2**31 - 1)] * 2, *[st.integers(-(2**62), 2**62)] * 2)


@st.composite
def _batches(draw: st.DrawFn) -> pa.RecordBatch:
    """Batches of any columns, of which some are null throughout; some are slices of larger ones."""
    count, names = (
        draw(st.integers(0, 5)),
        draw(st.lists(st.sampled_from(sorted(_COLUMNS)), unique=True, min_size=1)),
    )
    columns = {}
    for name in names:
        kind, values = _COLUMNS[name]
        held = draw(st.sampled_from([st.none(), values, st.none() | values]))
        columns[name] = pa.array([draw(held) for _ in range(count)], kind)
    return pa.record_batch(columns).slice(draw(st.integers(0, count)))


@settings(max_examples=80, deadline=None)
@given(st.lists(_batches(), max_size=3), _PROGRESS, st.booleans())
def test_a_piece_survives_its_coder_as_it_was(
    batches: list[pa.RecordBatch], progress: tuple[int, int, int, int], urgent: bool
) -> None:
    piece, coder = Piece(Progress(*progress), tuple(batches), urgent), PieceCoder()
    back = coder.decode(coder.encode(piece))
    assert (back.progress, back.urgent, len(back.batches)) == (piece.progress, urgent, len(batches))
    for came, went in zip(back.batches, batches, strict=True):
        came.validate(full=True)
        assert came.schema == went.schema
        assert came.to_pylist() == went.to_pylist()


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-5, 50)), max_size=20))
def test_the_watermark_is_the_least_that_every_sender_has_told_and_never_falls(
    told: list[tuple[int, int]],
) -> None:
    low, highest, before = LowWatermark(), dict[int, int](), BEFORE_ALL_MS
    for number, (sender, watermark) in enumerate(told):
        highest[sender] = max(watermark, highest.get(sender, watermark))
        now = low.observe(Piece(Progress(sender, 3, number, watermark), ()))
        assert now == (min(highest.values()) if len(highest) == 3 else BEFORE_ALL_MS)
        assert now >= before
        before = now


def told(low: LowWatermark, sender: int, watermark_ms: int, urgent: int = LATER) -> int:
    return low.observe(Piece(Progress(sender, 2, 1, watermark_ms), (), urgent))


def test_a_sender_that_has_ended_holds_nobody_back() -> None:
    low = LowWatermark()
    assert told(low, 0, 50) == BEFORE_ALL_MS, "the other has not been heard"
    assert told(low, 1, 20) == 20
    assert told(low, 0, 51, FINAL) == 20, "what goes on decides"
    assert told(low, 1, 90) == 90
    assert told(low, 1, 95, FINAL) == 95


def test_once_all_have_ended_the_furthest_decides_whichever_was_last() -> None:
    for first, second in ((0, 1), (1, 0)):
        low, came_to = LowWatermark(), (100, 70)
        told(low, 0, 10)
        told(low, 1, 10)
        told(low, first, came_to[first], FINAL)
        assert told(low, second, came_to[second], FINAL) == 100


def test_a_sender_that_speaks_again_counts_again() -> None:
    low = LowWatermark()
    told(low, 0, 50, FINAL)
    assert told(low, 1, 60) == 60
    assert told(low, 0, 55) == 60, "it never goes back"
    assert told(low, 1, 80) == 60
