"""Files of lines as blocks: any block size, any compression, from any place on, whole or cut short."""

import gzip
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import EVENT_SCHEMA
from transforms.io.blocks import Block
from transforms.io.column_files import ColumnFile
from transforms.io.folder import FolderReader
from transforms.io.line_files import LineFile

COMPRESS = {
    ".jsonl": b"".join,
    ".jsonl.gz": lambda parts: b"".join(map(gzip.compress, parts)),
    ".jsonl.zst": lambda parts: b"".join(map(zstandard.compress, parts)),
}
"""Each part becomes a member or frame of its own, as appending to a compressed file leaves it."""

_LINES = st.lists(
    st.sampled_from([b"", b"{}", b'{"event_id":"a"}', b"broken", b'{"event_id":"' + b"x" * 70 + b'"}', b"\r"])
)


def written(folder: Path, suffix: str, parts: list[bytes]) -> Path:
    path = folder / f"events{suffix}"
    path.write_bytes(COMPRESS[suffix](parts))
    return path


def opened(
    path: Path, offset: int = 0, block_bytes: int = 64, rows: int = 4096, follow: bool = False
) -> LineFile:
    return LineFile(path, path.name, offset, block_bytes, rows, follow)


def blocks_of(file: LineFile) -> list[Block]:
    blocks = []
    while not blocks or not blocks[-1].ended:
        block = file.read()
        assert block is not None
        blocks.append(block)
    file.close()
    return blocks


def content(blocks: list[Block]) -> bytes:
    return b"".join(block.decoded.data for block in blocks)


@settings(max_examples=80, deadline=None)
@given(
    _LINES, st.lists(st.integers(0, 400), max_size=3), st.sampled_from(sorted(COMPRESS)), st.integers(1, 200),
    st.sampled_from([1, 2, 5, 4096]), st.booleans(), st.integers(0, 30),
)  # fmt: skip
def test_blocks_of_any_size_are_the_file_and_reading_goes_on_from_any_of_them(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], cuts: list[int], suffix: str,
    block_bytes: int, rows: int, ends: bool, stop: int,
) -> None:  # fmt: skip
    data = b"\n".join(lines) + (b"\n" if ends else b"")
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parts = [data[a:b] for a, b in pairwise(bounds)]
    path = written(tmp_path_factory.mktemp("lines"), suffix, parts)
    blocks = blocks_of(opened(path, 0, block_bytes, rows))
    assert content(blocks) == data
    assert all(block.decoded.data.endswith(b"\n") for block in blocks[:-2]), "a line is never cut in two"
    assert all(block.decoded.data.count(b"\n") <= rows for block in blocks)
    assert not any(block.decoded.refused["reason"].to_pylist().count("truncated_input") for block in blocks)
    offset = int(blocks[min(stop, len(blocks) - 1)].offset)
    assert offset == len(content(blocks[: stop + 1]))
    assert content(blocks_of(opened(path, offset, block_bytes, rows))) == data[offset:]


LINES = [
    b'{"event_id":"%d","x":"%d"}\n' % (number, random.Random(number).getrandbits(64))
    for number in range(4000)
]


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_of_a_file_cut_short_the_good_lines_are_kept_and_the_damage_is_told_once(
    tmp_path: Path, suffix: str, part: float
) -> None:
    path = written(tmp_path, suffix, [b"".join(LINES[begin : begin + 200]) for begin in range(0, 4000, 200)])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    blocks = blocks_of(opened(path, 0, 10_000))
    data = content(blocks)
    assert b"".join(LINES).startswith(data)
    assert len(data) > (part - 0.1) * len(b"".join(LINES))
    reasons = [reason for block in blocks for reason in block.decoded.refused["reason"].to_pylist()]
    assert reasons.count("truncated_input") == 1
    assert set(reasons) <= {"truncated_input", "malformed_json"}, "the line that was cut is kept as such"
    ids = [event_id for block in blocks for event_id in block.decoded.events["event_id"].to_pylist()]
    assert ids == [str(number) for number in range(len(ids))]
    assert len(ids) == data.count(b"\n")


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
def test_members_before_a_damaged_one_are_kept(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, suffix, [b"".join(LINES[:50]), b"".join(LINES[50:])])
    first = len(COMPRESS[suffix]([b"".join(LINES[:50])]))
    damaged = bytearray(path.read_bytes())
    damaged[first : first + 8] = b"no magic"
    path.write_bytes(bytes(damaged))
    blocks = blocks_of(opened(path, 0, 10_000))
    assert content(blocks) == b"".join(LINES[:50])
    assert blocks[-1].decoded.refused["reason"].to_pylist() == ["truncated_input"]


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
def test_damage_inside_a_large_file_costs_no_more_than_its_surroundings(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, suffix, [b"".join(LINES[begin : begin + 200]) for begin in range(0, 4000, 200)])
    damaged = bytearray(path.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 64] = b"\xff" * 64
    path.write_bytes(bytes(damaged))
    blocks = blocks_of(opened(path, 0, 10_000))
    assert len(content(blocks)) > 0.3 * len(b"".join(LINES))
    assert blocks[-1].decoded.refused["reason"].to_pylist() == ["truncated_input"]


def test_a_file_that_grows_is_followed_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "growing.jsonl"
    path.write_bytes(b'{"event_id":"a"}\n{"eve')
    file = opened(path, follow=True)
    first = file.read()
    assert first is not None
    assert (first.decoded.events["event_id"].to_pylist(), first.offset, first.ended) == (["a"], "17", False)
    assert file.read() is None
    assert file.read() is None
    with path.open("ab") as more:
        more.write(b'nt_id":"b"}\n')
    second = file.read()
    assert second is not None
    assert second.decoded.events["event_id"].to_pylist() == ["b"]
    assert opened(path, int(second.offset), follow=True).read() is None


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".ipc"])
@pytest.mark.parametrize("rows", [1, 7, 5000])
def test_column_files_go_on_from_any_row(tmp_path: Path, suffix: str, rows: int) -> None:
    table = pa.Table.from_pylist([{"event_id": f"e{n}", "dwell_ms": n} for n in range(20)])
    path = tmp_path / f"events{suffix}"
    if suffix == ".parquet":
        pq.write_table(table, path, row_group_size=6)
    else:
        kind = pa.ipc.new_file if suffix == ".arrow" else pa.ipc.new_stream
        with kind(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=6)
    for offset in (0, 5, 6, 19, 20):
        file, ids = ColumnFile(path, path.name, offset, rows), list[str]()
        while not (block := file.read()).ended:
            assert block.decoded.events.schema == EVENT_SCHEMA
            ids += block.decoded.events["event_id"].to_pylist()
            assert int(block.offset) == offset + len(ids)
        assert ids == [f"e{n}" for n in range(offset, 20)]


def _times(reader: FolderReader) -> list[int]:
    """Event times in order of reading; the reader hears how far each file has got, as the pipeline tells it."""
    times: list[int] = []
    while not reader.finished:
        block = reader.read()
        assert block is not None
        read = block.decoded.events["event_time"].view(pa.int64()).to_pylist()
        if read:
            reader.advance(block.partition, max(read))
        times += read
    return times


def _events(times: list[int]) -> bytes:
    return b"".join(b'{"event_id":"%d","event_time":%d}\n' % (time, time) for time in times)


def test_files_are_read_in_the_order_of_their_times_whatever_their_names(tmp_path: Path) -> None:
    days = {"c.jsonl": 1, "a.jsonl.gz": 2, "deep/z.jsonl.zst": 0, "b.parquet": 3}
    for name, day in days.items():
        path, times = tmp_path / name, list(range(day * 1000, day * 1000 + 100))
        path.parent.mkdir(exist_ok=True)
        if name.endswith("parquet"):
            rows = [{"event_id": str(time), "event_time": time} for time in times]
            schema = pa.schema([EVENT_SCHEMA.field(0), EVENT_SCHEMA.field(2)])
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
        else:
            path.write_bytes(COMPRESS[name[name.index(".") :]]([_events(times)]))
    times = _times(FolderReader([tmp_path], {}, 500, 20))
    assert times == sorted(times)
    assert len(times) == 400


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=200), st.permutations("abcd"))
def test_files_that_overlap_in_time_stay_together(
    tmp_path_factory: pytest.TempPathFactory, owners: list[int], names: list[str]
) -> None:
    """No file gets ahead of another by more than a block, so that no event seems late to the others' watermark."""
    folder = tmp_path_factory.mktemp("folder")
    for number, name in enumerate(names):
        times = [second * 10 for second, owner in enumerate(owners) if owner == number]
        (folder / f"{name}.jsonl").write_bytes(_events(times))
    rows = 5
    reader, got, ended = FolderReader([folder], {}, 1 << 16, rows), dict[str, int](), set[str]()
    seen: list[int] = []
    while not reader.finished:
        block = reader.read()
        assert block is not None
        times = block.decoded.events["event_time"].view(pa.int64()).to_pylist()
        if times:
            behind = [time for name, time in got.items() if name not in ended and name != block.partition]
            assert got.get(block.partition, -1) <= min(behind, default=10**9), (
                "the file furthest behind is next"
            )
            got[block.partition] = max(times)
            reader.advance(block.partition, max(times))
        if block.ended:
            ended.add(block.partition)
        seen += times
    assert sorted(seen) == [second * 10 for second in range(len(owners))]
    assert np.diff(sorted(seen)).min(initial=10) == 10
