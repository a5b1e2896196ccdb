"""`interestream certify` from outside: what it prints, and how it ends."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from runners.cli.app import main
from schemas.outputs import EXPORTS

Certify = Callable[..., tuple[int, str, str]]


@pytest.fixture
def certify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Certify:
    """Run the command where the exports `a` and `b` stand."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["certify", *arguments])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def write(folder: str, name: str, rows: list[dict[str, Any]]) -> None:
    Path(folder).mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, EXPORTS[name]), Path(folder) / f"{name}.parquet")


LETTER = {"reason": "not_json", "raw": b"\xff{"}
CREDITS = [{"order_id": f"o{n}", "item_id": "i", "credit_minor": n} for n in range(20)]


def test_equal_exports_end_well(certify: Certify) -> None:
    write("a", "credits", CREDITS)
    write("b", "credits", CREDITS[::-1])
    write("a", "deadletters", [LETTER])
    write("b", "deadletters", [LETTER | {"ingested_at": 5}])
    code, out, err = certify("a", "b")
    assert (code, out.splitlines()[0].strip()) == (0, "OK: equal")
    assert err.strip() == "Not compared: deadletters.ingested_at."
    document = json.loads(certify("a", "b", "--json")[1])
    assert document["equal"] is True
    tables = document["tables"]
    assert set(tables) == {"credits", "deadletters"}
    assert tables["credits"]["rows"] == {"a": 20, "b": 20}
    assert tables["credits"]["digest"]["a"] == tables["credits"]["digest"]["b"]
    assert certify("a", "b", "--all-columns")[0] == 1


def test_the_first_differing_rows_are_shown_with_their_columns(certify: Certify) -> None:
    write("a", "credits", CREDITS)
    changed = [row | {"credit_minor": 0} if row["order_id"] == "o7" else row for row in CREDITS[1:]]
    write("b", "credits", [*changed, {"order_id": "o99", "item_id": "i", "credit_minor": 4}])
    write("a", "deadletters", [LETTER])
    code, out, _ = certify("a", "b")
    assert code == 1
    assert "2 of 2 tables differ" in out
    assert "credits: 1 rows changed, 1 only in A, 1 only in B; the first" in out
    assert "missing in B" in out
    code, out, _ = certify("a", "b", "--json")
    tables = json.loads(out)["tables"]
    assert code == 1
    assert tables["deadletters"]["rows"] == {"a": 1, "b": None}
    only_a, seventh, only_b = tables["credits"]["first"]
    assert [row["kind"] for row in (only_a, seventh, only_b)] == ["only_in_a", "changed", "only_in_b"]
    assert (only_a["row"]["order_id"], only_b["row"]["order_id"]) == ("o0", "o99")
    assert (seventh["key"]["order_id"], seventh["columns"]) == ("o7", {"credit_minor": {"a": 7, "b": 0}})


def test_bytes_and_numbers_that_json_lacks_are_text(certify: Certify) -> None:
    write("a", "deadletters", [LETTER])
    write("b", "deadletters", [])
    write("a", "attribution", [{"id": "x", "roi": float("nan")}])
    write("b", "attribution", [{"id": "x", "roi": float("-inf")}])
    tables = json.loads(certify("a", "b", "--json")[1], parse_constant=pytest.fail)["tables"]
    assert tables["deadletters"]["first"][0]["row"]["raw"] == "\\xff{"
    assert tables["attribution"]["first"][0]["columns"] == {"roi": {"a": "nan", "b": "-inf"}}


def test_rows_tables_and_columns_may_be_chosen(certify: Certify) -> None:
    write("a", "credits", CREDITS)
    write("b", "credits", [row | {"credit_minor": -1} for row in CREDITS])
    write("a", "deadletters", [LETTER])
    write("b", "deadletters", [LETTER])
    found = json.loads(certify("a", "b", "--rows", "2", "--json")[1])["tables"]["credits"]
    assert (found["changed"], [row["key"]["order_id"] for row in found["first"]]) == (20, ["o0", "o1"])
    assert certify("a", "b", "--only", "deadletters")[0] == 0
    assert certify("a", "b", "--ignore", "credits.credit_minor")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [("a", "gone"), ("gone", "a"), ("a", "a", "--only", "credit"), ("a", "a", "--ignore", "x"), ("a",)],
)
def test_what_cannot_be_compared_was_asked_for_wrongly(certify: Certify, arguments: tuple[str, ...]) -> None:
    write("a", "credits", CREDITS)
    code, out, err = certify(*arguments)
    assert (code, out) == (2, "")
    assert err


def test_a_file_that_is_no_parquet_is_named(certify: Certify) -> None:
    write("a", "credits", CREDITS)
    Path("b").mkdir()
    Path("b/credits.parquet").write_bytes(b"PAR1 and nothing")
    code, out, err = certify("a", "b")
    assert (code, out) == (2, "")
    assert "b/credits.parquet cannot be read as Parquet" in err
    assert len(err.splitlines()) == 1
