"""Two exports are equal where their rows are, and only there: against bags of rows counted by hand."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from rewritten import KEY, KINDS, VALUES, Row, bag, rewrite, rewritings, rows, schema, write

from schemas.errors import UsageError
from schemas.outputs import EXPORTS
from serving.certify import folder, spill
from serving.certify.compare import certify
from serving.certify.keys import KEYS, UNCOMPARED
from serving.certify.terms import Terms
from serving.certify.verdict import CHANGED, Difference, TableVerdict

ALL = Terms(rows_shown=1000)
quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)


@pytest.fixture(autouse=True, params=[(65_536, 1_000_000), (3, 2)], ids=["as it is", "in small pieces"])
def _sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    batch_rows, rows_a_part = request.param
    monkeypatch.setattr(folder, "BATCH_ROWS", batch_rows)
    monkeypatch.setattr(spill, "ROWS_A_PART", rows_a_part)


def judged(a: Path, b: Path, terms: Terms = ALL) -> TableVerdict:
    [table] = certify(a, b, terms).tables
    return table


def found(table: TableVerdict) -> tuple[int, int, int]:
    return table.rows.changed, table.rows.only_in_a, table.rows.only_in_b


def as_shown(row: Row) -> Row:
    """Moments are shown as text."""
    day = row["day"]
    return row | {"day": None if day is None else day.strftime("%Y-%m-%d %H:%M:%S.000Z")}


@quick
@given(held=rows(), again=rewritings(), chance=st.randoms(use_true_random=False))
def test_the_same_rows_written_otherwise_are_equal(
    tmp_path: Path, held: list[Row], again: dict[str, Any], chance: Any
) -> None:
    shuffled = chance.sample(held, len(held))
    a, b = write(tmp_path / "a", held), rewrite(tmp_path / "b", shuffled, again)
    table = judged(a, b)
    assert table.equal
    assert (found(table), table.rows.first) == ((0, 0, 0), ())


@quick
@given(held=rows(), name=st.sampled_from(list(KINDS)), again=rewritings(), data=st.data())
def test_any_other_cell_makes_them_differ_and_is_shown(
    tmp_path: Path, held: list[Row], name: str, again: dict[str, Any], data: st.DataObject
) -> None:
    assume(held)
    place = data.draw(st.integers(0, len(held) - 1))
    value = data.draw(st.sampled_from([None, *VALUES[name]]))
    assume(repr(value) != repr(held[place][name]))
    other = [*held]
    other[place] = held[place] | {name: value}
    table = judged(write(tmp_path / "a", held), rewrite(tmp_path / "b", other, again))
    assert not table.equal
    before, after = (as_shown(row) for row in (held[place], other[place]))
    key = {column: before[column] for column in KEY}
    if name in KEY:
        assert found(table) == (0, 1, 1)
        shown = {each.kind: bag([each.a or each.b or {}]) for each in table.rows.first}
        assert shown == {"only_in_a": bag([before]), "only_in_b": bag([after])}
    else:
        assert found(table) == (1, 0, 0)
        told = Difference(CHANGED, key, {name: before[name]}, {name: after[name]})
        assert repr(table.rows.first) == repr((told,))


@quick
@given(one=rows(), two=rows(), shared=rows())
def test_what_is_not_in_both_is_what_is_left_of_two_bags(
    tmp_path: Path, one: list[Row], two: list[Row], shared: list[Row]
) -> None:
    held, other = [*one, *shared], [*shared, *two]
    table = judged(write(tmp_path / "a", held), write(tmp_path / "b", other))
    lacking, extra = bag(held) - bag(other), bag(other) - bag(held)
    assert table.equal == (not lacking and not extra)
    changed, only_in_a, only_in_b = found(table)
    assert (changed + only_in_a, changed + only_in_b) == (lacking.total(), extra.total())
    places = [list(KINDS).index(name) for name in KEY]
    by_key = [
        Counter(tuple(row[place] for place in places) for row in side.elements()) for side in (lacking, extra)
    ]
    assert changed == (by_key[0] & by_key[1]).total()
    assert Counter(each.kind for each in table.rows.first) == +Counter(
        changed=changed, only_in_a=only_in_a, only_in_b=only_in_b
    )
    shown = bag([each.a for each in table.rows.first if each.a and each.kind != CHANGED])
    assert shown <= bag([as_shown(row) for row in held]) - bag([as_shown(row) for row in other])


def test_a_row_that_is_there_twice_is_not_there_once(tmp_path: Path) -> None:
    row = {name: values[0] for name, values in VALUES.items()}
    table = judged(write(tmp_path / "a", [row, row]), write(tmp_path / "b", [row]))
    assert (table.equal, found(table)) == (False, (0, 1, 0))
    assert judged(tmp_path / "b", tmp_path / "a").rows.only_in_b == 1


def test_the_first_of_many_are_shown_by_key(tmp_path: Path) -> None:
    names = ("id", "n")
    for side, add in (("a", 0), ("b", 1)):
        held = pa.table(
            [[f"i{n:05d}" for n in range(600)], [n + add * (n % 10 == 7) for n in range(600)]], names
        )
        (tmp_path / side).mkdir()
        pq.write_table(held, tmp_path / side / "stock.parquet")
    table = judged(tmp_path / "a", tmp_path / "b", Terms(rows_shown=3))
    assert found(table) == (60, 0, 0)
    assert [(each.key, each.a, each.b) for each in table.rows.first] == [
        ({"id": f"i{n:05d}"}, {"n": n}, {"n": n + 1}) for n in (7, 17, 27)
    ]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (pa.int64(), pa.int32()),
        (pa.int64(), pa.float64()),
        (pa.timestamp("ms"), pa.timestamp("us")),
        (pa.string(), pa.binary()),
    ],
    ids=str,
)
def test_equal_values_of_another_type_differ_by_their_type_alone(
    tmp_path: Path, one: pa.DataType, two: pa.DataType
) -> None:
    for side, kind in (("a", one), ("b", two)):
        values = pa.array(["1"]) if kind in (pa.string(), pa.binary()) else pa.array([1])
        (tmp_path / side).mkdir()
        pq.write_table(pa.table({"n": values.cast(kind), "id": ["x"]}), tmp_path / side / "stock.parquet")
    table = judged(tmp_path / "a", tmp_path / "b")
    assert (table.equal, dict(table.columns)) == (False, {"n": (str(one), str(two))})
    assert found(table) == (0, 0, 0)


def test_columns_of_one_alone_are_named_and_the_others_compared(tmp_path: Path) -> None:
    for side, extra, n in (("a", "left", 1), ("b", "right", 2)):
        (tmp_path / side).mkdir()
        pq.write_table(pa.table({"id": ["x"], extra: [1], "n": [n]}), tmp_path / side / "stock.parquet")
    table = judged(tmp_path / "a", tmp_path / "b")
    assert dict(table.columns) == {"left": ("int64", None), "right": (None, "int64")}
    assert table.rows.first == (Difference(CHANGED, {"id": "x"}, {"n": 1}, {"n": 2}),)


def test_values_that_change_columns_or_rows_are_noticed(tmp_path: Path) -> None:
    """Sums of hashes must not cancel out where equal values only change places."""
    written = {
        "a": {"x": [1, 2, 0], "y": [2, 1, 0]}, "columns": {"x": [2, 1, 0], "y": [1, 2, 0]},
        "rows": {"x": [1, 2, 0], "y": [1, 2, 0]}, "nulls": {"x": [1, None, 0], "y": [2, 1, 0]},
    }  # fmt: skip
    for side, columns in written.items():
        (tmp_path / side).mkdir()
        pq.write_table(pa.table(columns), tmp_path / side / "stock.parquet")
    verdicts = {side: judged(tmp_path / "a", tmp_path / side).equal for side in written}
    # (1, 2) and (2, 1) are the same two rows in another order.
    assert verdicts == {"a": True, "columns": True, "rows": False, "nulls": False}


def test_a_table_that_another_program_wrote_is_the_same(tmp_path: Path) -> None:
    """DuckDB has its own Parquet writer, which knows nothing of Arrow's types."""
    held = pa.Table.from_pylist(
        [
            {"order_id": f"o{n // 3}", "item_id": "商", "channel": "coupon", "credit_minor": n, "touch_event_id": None}
            for n in range(1_000)
        ],
        EXPORTS["credits"],
    )  # fmt: skip
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
    pq.write_table(held, tmp_path / "a" / "credits.parquet", compression="zstd")
    duckdb.sql("SELECT * FROM held ORDER BY random()").write_parquet(
        str(tmp_path / "b" / "credits.parquet"), compression="snappy"
    )
    assert judged(tmp_path / "a", tmp_path / "b").equal


def test_when_events_were_taken_in_is_not_compared_unless_asked(tmp_path: Path) -> None:
    for side, at in (("a", None), ("b", 7)):
        letter = {"reason": "not_json", "raw": b"{", "ingested_at": at}
        (tmp_path / side).mkdir()
        pq.write_table(
            pa.Table.from_pylist([letter], EXPORTS["deadletters"]), tmp_path / side / "deadletters.parquet"
        )
    verdict = certify(tmp_path / "a", tmp_path / "b")
    assert (verdict.equal, verdict.left_out) == (True, ("deadletters.ingested_at",))
    exact = certify(tmp_path / "a", tmp_path / "b", Terms(all_columns=True))
    assert (exact.equal, exact.left_out) == (False, ())
    assert exact.tables[0].rows.first[0].a == {"ingested_at": None}


def test_tables_and_columns_may_be_chosen(tmp_path: Path) -> None:
    row = {name: values[0] for name, values in VALUES.items()}
    for name, other in (("one", {}), ("two", {"units": 5}), ("three", {"units": 5, "rank": 5})):
        write(tmp_path / "a", [row], name)
        write(tmp_path / "b", [row | other], name)

    def unequal(**terms: Any) -> list[str]:
        verdict = certify(tmp_path / "a", tmp_path / "b", Terms(**terms))
        return [table.name for table in verdict.tables if not table.equal]

    assert unequal() == ["three", "two"]
    assert unequal(only=("one", "two")) == ["two"]
    assert unequal(ignore=("units",)) == ["three"]
    assert unequal(ignore=("units", "three.rank")) == []
    assert unequal(ignore=("one.units",)) == ["three", "two"]


def test_a_table_that_one_lacks_is_named(tmp_path: Path) -> None:
    row = {name: values[0] for name, values in VALUES.items()}
    write(write(tmp_path / "a", [row]), [row, row], "more")
    write(tmp_path / "b", [row])
    more, stock = certify(tmp_path / "a", tmp_path / "b").tables
    assert (more.name, more.equal, more.b) == ("more", False, None)
    assert more.a is not None
    assert more.a.rows == 2
    assert stock.equal


def _nothing(path: Path) -> Iterator[str]:
    yield "does not exist"


def _a_file(path: Path) -> Iterator[str]:
    path.write_text("x")
    yield "is a file"


def _an_empty_folder(path: Path) -> Iterator[str]:
    path.mkdir()
    yield "holds no Parquet files"


def _other_bytes(path: Path) -> Iterator[str]:
    path.mkdir()
    (path / "stock.parquet").write_bytes(os.urandom(100))
    yield r"stock\.parquet cannot be read as Parquet"


def _a_damaged_page(path: Path) -> Iterator[str]:
    write(path, [{name: values[0] for name, values in VALUES.items()}] * 1000, compression="zstd")
    damaged = bytearray((path / "stock.parquet").read_bytes())
    damaged[8:80] = bytes(72)
    (path / "stock.parquet").write_bytes(damaged)
    yield r"stock\.parquet cannot be read as Parquet"


def _parts_of_two_kinds(path: Path) -> Iterator[str]:
    path.mkdir()
    for part, values in enumerate([[1], ["x"]]):
        pq.write_table(pa.table({"n": values}), path / f"stock-{part}.parquet")
    yield "not alike in: n"


@pytest.mark.parametrize(
    "made", [_nothing, _a_file, _an_empty_folder, _other_bytes, _a_damaged_page, _parts_of_two_kinds]
)
def test_what_is_no_export_is_said_to_be_none(tmp_path: Path, made: Any) -> None:
    good = write(tmp_path / "good", [{name: values[0] for name, values in VALUES.items()}])
    for message in made(tmp_path / "bad"):
        for pair in ((good, tmp_path / "bad"), (tmp_path / "bad", good)):
            with pytest.raises(UsageError, match=message):
                certify(*pair)


@pytest.mark.parametrize(
    "terms", [Terms(only=("stok",)), Terms(ignore=("unit",)), Terms(ignore=("stok.units",))], ids=str
)
def test_a_misspelt_name_is_no_verdict(tmp_path: Path, terms: Terms) -> None:
    write(tmp_path / "a", [])
    with pytest.raises(UsageError):
        certify(tmp_path / "a", tmp_path / "a", terms)


def test_digests_are_the_same_on_every_machine_and_in_every_version(tmp_path: Path) -> None:
    """A digest that changes is a change of its format: raise the number in serving/certify/digest.py with it."""
    everything = [{name: VALUES[name][n % len(VALUES[name])] for name in KINDS} for n in range(40)]
    nulls: list[Row] = [dict.fromkeys(KINDS)]
    write(tmp_path / "a", [*everything, *nulls])
    side = judged(tmp_path / "a", tmp_path / "a").a
    assert side is not None
    assert side.digest == "f1864d0f10a87b1db47b78f9bee83bc2"


def test_every_exported_table_has_a_key_and_what_is_left_out_is_there() -> None:
    assert KEYS.keys() == EXPORTS.keys()
    assert all(set(key) <= set(EXPORTS[name].names) for name, key in KEYS.items())
    assert all(column in EXPORTS[name].names for name, column in UNCOMPARED)
    assert schema().names == list(KINDS)
