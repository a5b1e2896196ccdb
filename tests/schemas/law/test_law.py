"""The suites: one source for the gate and for Great Expectations."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.errors import UsageError
from schemas.events import (
    COUPON_STATUSES,
    EVENT_SCHEMA,
    EVENT_TYPES,
    LIVE_STATUSES,
    ORDER_STATUSES,
    SCHEMA_VERSIONS,
    TRAFFIC_SOURCES,
)
from schemas.expectations import suite_for
from schemas.gate_checks import check_for
from schemas.law import SUITES, Rule, load_rules, suite_document

ROOT = Path(__file__).parents[3]
SUITE_FOLDER = ROOT / "schemas" / "suites"
RULES = load_rules()


def test_every_suite_file_is_read() -> None:
    assert {path.stem for path in SUITE_FOLDER.glob("*.json")} == set(SUITES)


@pytest.mark.parametrize("suite", SUITES)
def test_the_files_are_as_great_expectations_writes_them(suite: str) -> None:
    import great_expectations as gx

    stored = json.loads((SUITE_FOLDER / f"{suite}.json").read_text(encoding="utf-8"))
    read = gx.ExpectationSuite(
        name=stored["name"], expectations=stored["expectations"], meta=stored["meta"]
    ).to_json_dict()
    assert read == stored


@pytest.mark.parametrize("suite", SUITES)
def test_great_expectations_is_given_what_the_gate_is_compiled_from(suite: str) -> None:
    given = [
        (stated["type"], stated["kwargs"]["column"], stated["meta"]["rule"])
        for stated in suite_for(suite).to_json_dict()["expectations"]
        if "column" in stated["kwargs"]
    ]
    of_suite = [rule for rule in RULES if rule.name.startswith(f"{suite}.")]
    assert given == [_identity(rule) for rule in of_suite if "column" in rule.arguments]


def _identity(rule: Rule) -> tuple[str, str, str]:
    return rule.expectation, rule.column, rule.name


def test_rule_names_are_unique_and_say_what_they_are_about() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    for rule in RULES:
        assert rule.name.split(".")[:2] == [rule.event_type or "event", rule.column]
        assert rule.column in rule.detail
        assert rule.reason.replace("_", "").isalpha()


def test_one_order_of_rules_what_all_share_first() -> None:
    order = [rule.event_type for rule in RULES]
    assert order == sorted(order, key=[None, *EVENT_TYPES].index)


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        ("event.schema_version.known", SCHEMA_VERSIONS),
        ("event.event_type.known", EVENT_TYPES),
        ("event.traffic_source.known", TRAFFIC_SOURCES),
        ("order.order_status.known", ORDER_STATUSES),
        ("coupon.coupon_status.known", COUPON_STATUSES),
        ("live.live_status.known", LIVE_STATUSES),
    ],
)
def test_the_suites_know_the_values_that_the_schema_names(rule: str, values: tuple[object, ...]) -> None:
    stated = next(each for each in RULES if each.name == rule)
    assert stated.arguments["value_set"] == list(values)


def test_every_string_is_bounded() -> None:
    bounded = {rule.column for rule in RULES if rule.reason == "string_too_long"}
    assert bounded == {field.name for field in EVENT_SCHEMA if field.type == "string"}


def test_an_unknown_suite_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="gift"):
        suite_document("gift")


def test_what_the_gate_cannot_compile_it_refuses_to_ignore() -> None:
    with pytest.raises(UsageError, match="expect_column_values_to_be_unique"):
        check_for("expect_column_values_to_be_unique", {"column": "event_id"})
    with pytest.raises(UsageError, match="mostly"):
        check_for("expect_column_values_to_not_be_null", {"column": "event_id", "mostly": 0.9})
    with pytest.raises(UsageError, match="or_equal"):
        check_for(
            "expect_column_pair_values_a_to_be_greater_than_b",
            {"column_A": "valid_to", "column_B": "valid_from", "or_equal": False, "ignore_row_if": "neither"},
        )


def test_the_gate_starts_without_the_slow_imports() -> None:
    program = (
        "import sys, schemas.gate, schemas.expectations; schemas.gate.compile_gate();"
        "print([name for name in ('great_expectations', 'apache_beam') if name in sys.modules])"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert outcome.stdout.strip() == "[]"
