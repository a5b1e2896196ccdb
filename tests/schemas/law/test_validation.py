"""`validate`: exact counts by rule, a bounded sample, and Data Docs that show what was refused."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from law_rows import NOON_MS, Row, batch_of, good

from runners.validation import ReadBatches, Report, validate
from runners.validation_sample import Sample
from schemas.errors import UsageError
from schemas.events import EVENT_TYPES
from schemas.gate import compile_gate

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SCRIPT = "<script>alert('x')</script>"

ROWS = [
    *[good(event_type, event_id=f"{event_type}{n}") for event_type in EVENT_TYPES for n in range(20)],
    *[good("order", event_id=f"free{n}", amount_minor=-1, currency="USD") for n in range(3)],
    good("order", event_id="dollars", currency="USD"),
    good("view", event_id="script", traffic_source=SCRIPT),
    good("view", event_id="giant", room_id="r" * 1_000_000),
    good("view", event_id="micro", event_time=NOON_MS * 1000),
    good("view", event_id="untyped", event_type=None),
]


def reading(rows: list[Row], batch_rows: int) -> ReadBatches:
    def read(_: Path) -> Iterator[pa.RecordBatch]:
        for start in range(0, len(rows), batch_rows):
            yield batch_of(rows[start : start + batch_rows])

    return read


@pytest.fixture(scope="module")
def out_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("docs")


@pytest.fixture(scope="module")
def report(out_dir: Path) -> Report:
    (out_dir / "notes.txt").write_text("kept")
    return validate([Path("a.jsonl"), Path("b.jsonl")], out_dir, read_batches=reading(ROWS, 50), now=NOW)


def test_counts_every_row_under_the_first_rule_it_breaks(report: Report) -> None:
    assert (report.rows, report.accepted, report.refused) == (2 * len(ROWS), 2 * 120, 2 * 8)
    assert {broken.rule: broken.rows for broken in report.broken} == {
        "order.amount_minor.non_negative": 6,
        "order.currency.reported": 2,
        "event.traffic_source.known": 2,
        "event.room_id.length": 2,
        "event.event_time.plausible": 2,
        "event.event_type.present": 2,
    }


def test_says_how_many_rows_great_expectations_saw(report: Report) -> None:
    assert report.sampled["event"] == 2 * len(ROWS)
    assert report.sampled["order"] == 2 * 24
    assert report.sampled["live"] == 2 * 20


def test_writes_itself_as_json(report: Report) -> None:
    written = json.loads(report.to_json())
    assert written["sources"] == ["a.jsonl", "b.jsonl"]
    assert written["currency"] == "CNY"
    assert {"rule", "reason", "event_type", "detail", "rows"} == set(written["broken"][0])


def test_data_docs_show_what_was_refused_and_why(report: Report, out_dir: Path) -> None:
    assert Path(report.data_docs) == out_dir / "index.html"
    orders = _page(out_dir, "order")
    assert "order.amount_minor.non_negative: amount_minor must be 0 or more (negative_amount)" in orders
    assert "USD" in orders
    assert (out_dir / "notes.txt").read_text() == "kept"


def test_an_event_cannot_put_a_script_into_the_page(report: Report, out_dir: Path) -> None:
    shown = _page(out_dir, "event")
    assert "alert(" in shown, "the refused value is shown"
    assert "<script>alert(" not in shown


def test_a_megabyte_is_not_copied_into_the_page(report: Report, out_dir: Path) -> None:
    assert len(_page(out_dir, "event")) < 500_000


def _page(out_dir: Path, suite: str) -> str:
    (page,) = (out_dir / "validations" / suite).rglob("*.html")
    return page.read_text(encoding="utf-8")


def test_no_events_are_reported_as_none(tmp_path: Path) -> None:
    report = validate([Path("empty.jsonl")], tmp_path, read_batches=reading([], 1), now=NOW)
    assert (report.rows, report.broken) == (0, ())
    assert Path(report.data_docs).is_file()


def test_the_deployment_reports_in_its_own_currency(tmp_path: Path) -> None:
    rows = [good("order", currency="USD"), good("order", currency="CNY")]
    report = validate([Path("a.jsonl")], tmp_path, "USD", read_batches=reading(rows, 9), now=NOW)
    assert [(broken.reason, broken.rows) for broken in report.broken] == [("foreign_currency", 1)]
    assert "currency must be USD" in _page(tmp_path, "order")


@pytest.mark.parametrize(("paths", "sample_rows"), [([], 10), ([Path("a.jsonl")], 0)])
def test_refuses_to_validate_nothing(paths: list[Path], sample_rows: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        validate(paths, tmp_path, read_batches=reading(ROWS, 50), now=NOW, sample_rows=sample_rows)


def _sampled(rows: list[Row], batch_rows: int, accepted_rows: int) -> list[str]:
    gate, sample = compile_gate(), Sample(accepted_rows)
    for batch in reading(rows, batch_rows)(Path()):
        sample.offer(batch, gate.verdicts(batch))
    return sorted(sample.batch()["event_id"].to_pylist())


MANY = [
    *[good("view", event_id=f"view{n}") for n in range(3_000)],
    *[good("click", event_id=f"click{n}") for n in range(5)],
    *[good("view", event_id=f"bad{n}", dwell_ms=-1) for n in range(500)],
    good("order", event_id="rare", quantity=0),
]


@pytest.mark.parametrize("accepted_rows", [1, 7, 100, 2_999, 10_000])
def test_the_sample_is_bounded_by_kind_and_loses_no_kind(accepted_rows: int) -> None:
    kinds = Counter(event_id.rstrip("0123456789") for event_id in _sampled(MANY, 250, accepted_rows))
    assert kinds == {
        "view": min(accepted_rows, 3_000),
        "click": min(accepted_rows, 5),
        "bad": 100,
        "rare": 1,
    }


def test_the_sample_does_not_depend_on_how_rows_are_cut_into_batches() -> None:
    whole = _sampled(MANY, len(MANY), 100)
    assert _sampled(MANY, 1_000, 100) == whole
    assert _sampled(MANY, 37, 100) == whole


def test_every_row_of_a_kind_is_as_likely_to_be_sampled() -> None:
    drawn = [int(each[4:]) for each in _sampled(MANY, 250, 1_000) if each.startswith("view")]
    # Of 3,000 rows a third is drawn: in each tenth of them 100 are expected, standard deviation 8.
    by_tenth = Counter(place // 300 for place in drawn)
    assert all(60 < by_tenth[tenth] < 140 for tenth in range(10)), by_tenth
