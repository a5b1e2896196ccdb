"""What holds for every importer: the output's form, its determinism, replacing and refusing."""

import gzip
import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_imports import Import

from schemas.errors import SourceError, UsageError
from schemas.events import DEAD_LETTER_SCHEMA, EVENT_SCHEMA, FIELDS_BY_TYPE, TRAFFIC_SOURCES
from transforms.io.imports import IMPORTERS, import_dataset

SAMPLES = {
    "puffy": (
        "events_20250223.csv",
        "clientId,timestamp,event_name,event_data,page_url\n",
        "c,2025-02-23T00:00:0{n}Z,page_viewed,,/\n",
    ),
    "online-retail": (
        "online_retail.csv",
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n",
        "{n},A,x,1,2011-01-01 12:00:00,1.5,7,UK\n",
    ),
    "globo": (
        "clicks_hour_000.csv",
        "user_id,session_id,click_article_id,click_timestamp\n",
        "{n},s,10,1506826828020\n",
    ),
    "yoochoose": ("clicks.tsv", "SessionId\tItemId\tTime\n", "{n}\t10\t1396437466.94\n"),
    "open-bandit": (
        "all.csv",
        ",timestamp,item_id,click,user_feature_0,user_feature_1,user_feature_2,user_feature_3\n",
        "{n},2019-11-24 00:00:34.762830+00:00,14,0,a,b,c,d\n",
    ),
}
TEXT_DATASETS = sorted(SAMPLES)


def write_sample(folder: Path, name: str, rows: int = 5) -> Path:
    file_name, header, row = SAMPLES[name]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / file_name
    file.write_text(header + "".join(row.format(n=n) for n in range(rows)), encoding="utf-8")
    return file


def test_every_text_importer_has_a_sample_here() -> None:
    assert {*SAMPLES, "completejourney"} == set(IMPORTERS)


@pytest.mark.parametrize("name", TEXT_DATASETS)
def test_the_output_is_the_documented_one(name: str, imported: Import, tmp_path: Path) -> None:
    result = imported(name, write_sample(tmp_path / "in", name))
    assert result.events.schema == EVENT_SCHEMA
    assert pq.read_schema(result.folder / "deadletters.parquet") == DEAD_LETTER_SCHEMA
    assert (
        pq.ParquetFile(result.folder / "events-00000.parquet").metadata.row_group(0).column(0).compression
        == "ZSTD"
    )
    assert result.written_report == result.report.to_dict()
    assert result.report.events == len(result.rows) == 5
    assert result.report.licence
    assert result.report.citation
    for row in result.rows:
        assert row["schema_version"] == 1
        assert row["user_id"]
        assert row["traffic_source"] in TRAFFIC_SOURCES
        needed = FIELDS_BY_TYPE[row["event_type"]] if row["event_type"] != "view" else ()
        assert all(row[field] is not None for field in needed)


@pytest.mark.parametrize("name", TEXT_DATASETS)
def test_the_same_input_gives_the_same_bytes(name: str, imported: Import, tmp_path: Path) -> None:
    file = write_sample(tmp_path / "in", name)
    first, second = imported(name, file, "a"), imported(name, file.parent, "b")
    assert first.bytes_by_file() == second.bytes_by_file()


@pytest.mark.parametrize("name", TEXT_DATASETS)
@pytest.mark.parametrize("packing", ["gz", "zip", "zst"])
def test_compressed_files_give_the_same_events(
    name: str, packing: str, imported: Import, tmp_path: Path
) -> None:
    file = write_sample(tmp_path / "in", name)
    packed = tmp_path / "packed" / f"{file.name}.{packing}"
    packed.parent.mkdir()
    pack(file, packed)
    assert imported(name, packed.parent, "a").events == imported(name, file, "b").events
    assert imported(name, packed, "c").events == imported(name, file, "d").events


def pack(file: Path, packed: Path) -> None:
    if packed.suffix == ".gz":
        packed.write_bytes(gzip.compress(file.read_bytes()))
    elif packed.suffix == ".zip":
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(file, file.name)
    else:
        import zstandard

        packed.write_bytes(zstandard.compress(file.read_bytes()))


def test_an_earlier_import_is_replaced_as_a_whole(imported: Import, tmp_path: Path) -> None:
    imported("puffy", write_sample(tmp_path / "in", "puffy"))
    second = imported("globo", write_sample(tmp_path / "in2", "globo", rows=2))
    assert sorted(second.bytes_by_file()) == ["deadletters.parquet", "events-00000.parquet", "import.json"]
    assert [path.name for path in second.folder.parent.iterdir() if "out" in path.name] == ["out"]


def test_a_failed_import_leaves_the_earlier_one(imported: Import, tmp_path: Path) -> None:
    before = imported("puffy", write_sample(tmp_path / "in", "puffy")).bytes_by_file()
    damaged = tmp_path / "events_20250223.csv.gz"
    damaged.write_bytes(gzip.compress(hashlib.sha512(b"noise").digest() * 500 + b"\n" * 9)[:-30])
    with pytest.raises(SourceError):
        import_dataset("puffy", damaged, tmp_path / "out")
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir() if p.is_file()} == {
        name: content for name, content in before.items() if "/" not in name
    }


def test_a_folder_with_other_files_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match="holds files that no import wrote"):
        import_dataset("puffy", write_sample(tmp_path / "in", "puffy"), tmp_path / "out")
    assert (tmp_path / "out" / "thesis.tex").read_text() == "mine"


@pytest.mark.parametrize("name", sorted(IMPORTERS))
def test_a_missing_path_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere does not exist"):
        import_dataset(name, tmp_path / "nowhere", tmp_path / "out")


def test_an_unknown_data_set_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'netflix'.*puffy.*yoochoose"):
        import_dataset("netflix", tmp_path, tmp_path / "out")


@pytest.mark.parametrize("name", TEXT_DATASETS)
def test_other_columns_are_refused_with_both_sides_named(name: str, tmp_path: Path) -> None:
    file = tmp_path / SAMPLES[name][0]
    file.write_text("colour,size\nred,1\n")
    with pytest.raises(SourceError, match=r"are needed, but .* has colour, size"):
        import_dataset(name, tmp_path, tmp_path / "out")


@pytest.mark.parametrize("name", sorted(IMPORTERS))
def test_an_empty_folder_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(SourceError, match=r"give the f"):
        import_dataset(name, tmp_path / "in", tmp_path / "out")


def test_one_day_of_many_with_other_columns_is_not_left_out_in_silence(tmp_path: Path) -> None:
    write_sample(tmp_path, "puffy")
    (tmp_path / "events_20250224.csv").write_text("colour,size\nred,1\n")
    with pytest.raises(SourceError, match=r"events_20250224.csv has colour"):
        import_dataset("puffy", tmp_path, tmp_path / "out")


def test_a_file_beside_its_own_compressed_copy_is_refused(tmp_path: Path) -> None:
    file = write_sample(tmp_path, "puffy")
    pack(file, file.with_name(file.name + ".gz"))
    with pytest.raises(SourceError, match="same file twice"):
        import_dataset("puffy", tmp_path, tmp_path / "out")


@pytest.mark.parametrize("name", TEXT_DATASETS)
def test_a_truncated_download_is_said_so(name: str, tmp_path: Path) -> None:
    file = write_sample(tmp_path, name, rows=9)
    packed = tmp_path / "cut" / f"{file.name}.gz"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(file.read_bytes())[:-12])
    with pytest.raises(SourceError, match=r"cannot be read to its end .* fetch the file again"):
        import_dataset(name, packed, tmp_path / "out")


FIELDS = st.sampled_from(
    [b"1", b"10", b"1506826828020", b"", b'"', b'"a,b"', b'"a', b"x", b"\xff\xfe", b"\x00", b"-1"]
)
LINES = st.lists(st.lists(FIELDS, min_size=1, max_size=5).map(b",".join), max_size=30)


@settings(max_examples=60, deadline=None)
@given(LINES)
def test_every_row_is_an_event_or_a_dead_letter(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    file = folder / "clicks_hour_000.csv"
    file.write_bytes(b"user_id,session_id,click_article_id,click_timestamp\n" + b"\n".join(lines))
    report = import_dataset("globo", file, folder / "out")
    letters = pq.read_table(folder / "out" / "deadletters.parquet").column("raw").to_pylist()
    assert sum(read.rows for read in report.files) == report.events + len(letters)
    # No source line is lost: each well-formed one is an event, each other one lies among the dead letters.
    plain = [line for line in lines if b'"' not in line and line.strip()]
    well_formed = [line for line in plain if _is_click(line.split(b","))]
    if len(plain) == len([line for line in lines if line.strip()]):
        assert report.events == len(well_formed)
        assert sorted(letters) == sorted(line for line in plain if line not in well_formed)


def _is_click(fields: list[bytes]) -> bool:
    if len(fields) != 4:
        return False
    user, _, item, time = (field.strip() for field in fields)
    return bool(user) and bool(item) and time.isdigit()


def test_progress_counts_rows(tmp_path: Path) -> None:
    calls: list[tuple[str, int]] = []
    file = write_sample(tmp_path / "in", "globo", rows=8)
    import_dataset("globo", file, tmp_path / "out", on_progress=lambda name, rows: calls.append((name, rows)))
    assert calls == [("clicks_hour_000.csv", 8)]


def test_many_rows_are_cut_into_files_of_a_million(
    data: Callable[[str], Path], imported: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transforms.io.imports import output

    whole = imported("yoochoose", data("yoochoose"), "whole").events
    monkeypatch.setattr(output, "ROW_GROUP_ROWS", 10_000)
    monkeypatch.setattr(output, "FILE_ROWS", 30_000)
    parts = imported("yoochoose", data("yoochoose"), "parts")
    assert parts.events == whole
    assert sorted(name for name in parts.bytes_by_file() if name.startswith("events")) == [
        f"events-0000{part}.parquet" for part in range(3)
    ]
