"""Archives: whatever was put comes back in order, and what a lost stretch appended does not."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.archive import ArchiveFile, Finals, Write, read_pieces, written

writes = st.lists(
    st.tuples(
        st.text(max_size=20),
        st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=40)), max_size=5),
    ),
    max_size=12,
)


Plain = tuple[str, list[bytes], list[bytes]]


def plain(archived: Iterable[Write]) -> list[Plain]:
    return [(key, list(fields), list(values)) for key, fields, values in archived]


def put(finals: Finals, given_writes: list[tuple[str, list[tuple[bytes, bytes]]]]) -> list[Plain]:
    expected = []
    for key, pairs in given_writes:
        fields, values = [field for field, _ in pairs], [value for _, value in pairs]
        finals.put(key, fields, values)
        expected.append((key, fields, values))
    return expected


@given(writes, st.integers(0, 12))
def test_pieces_hold_what_was_put_wherever_they_are_cut(
    given_writes: list[tuple[str, list[tuple[bytes, bytes]]]], cut: int
) -> None:
    finals = Finals()
    expected = put(finals, given_writes[:cut])
    first = finals.take()
    expected += put(finals, given_writes[cut:])
    assert plain(read_pieces([first, b"", finals.take()])) == expected


def piece_of(key: str) -> bytes:
    finals = Finals()
    finals.put(key, [b"f"], [b"v"])
    return finals.take()


def test_a_file_goes_on_after_what_the_checkpoint_knew(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "cells.archive"
    archive = ArchiveFile(path, 0)
    archive.append(piece_of("known"))
    length = archive.sync()
    archive.append(piece_of("lost"))
    archive.sync()
    archive.close()
    again = ArchiveFile(path, length)
    again.append(piece_of("later"))
    assert [key for key, _, _ in again.read()] == ["known", "later"]
    again.close()


@pytest.mark.parametrize("kept", [3, -1])
def test_a_piece_that_was_cut_is_noticed(kept: int) -> None:
    with pytest.raises(ValueError, match="An archive ends"):
        list(written(piece_of("k")[:kept]))
