"""The reference pages say what the code says: names, types and defaults, none more and none less."""

import re
from pathlib import Path

import pyarrow as pa
import pytest
from cli_reference import reference
from doc_pages import ROOT, bare, prose, tables

from runners.settings import Settings
from schemas import keys
from schemas.dimensions import DIMENSIONS
from schemas.events import COMMON_FIELDS, EVENT_SCHEMA, EVENT_TYPES, FIELDS_BY_TYPE
from schemas.law import load_rules
from schemas.metrics import (
    ATTRIBUTION_COUNTS,
    DEFINITIONS,
    EVENT_TIME_COUNTS,
    METRICS,
    ORDER_TIME_COUNTS,
    RATIOS,
    SCOPES,
    TOUCH_CELL,
    UNIQUES,
    WINDOWS,
)
from schemas.outputs import EXPORTS, SHOWN
from serving.funnel import CELL as FUNNEL_CELL
from transforms.features.fields import ENTITY_FIELDS, EVENTS, NUMBERS
from transforms.features.views import SHIPPED

REFERENCE = ROOT / "docs" / "reference"


def columns(page: str, section: str) -> list[tuple[str, str]]:
    [table] = tables(REFERENCE / page, section)
    return [(bare(row[0]), row[1]) for row in table[1:]]


def declared(schema: pa.Schema, names: tuple[str, ...] | list[str] | None = None) -> list[tuple[str, str]]:
    return [(name, str(schema.field(name).type)) for name in names or schema.names]


def test_the_command_line_page_is_what_the_commands_say() -> None:
    assert (REFERENCE / "cli.md").read_text(encoding="utf-8") == reference()


def test_fields_of_every_event() -> None:
    assert columns("events.md", "## Every event") == declared(EVENT_SCHEMA, COMMON_FIELDS)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_fields_by_type(event_type: str) -> None:
    described = list(tables(REFERENCE / "events.md", f"### `{event_type}`"))
    fields = FIELDS_BY_TYPE[event_type]
    assert bool(described) == bool(fields)
    if fields:
        assert columns("events.md", f"### `{event_type}`") == declared(EVENT_SCHEMA, fields)


@pytest.mark.parametrize("name", DIMENSIONS)
def test_dimensions(name: str) -> None:
    assert columns("dimensions.md", f"## `{name}`") == declared(DIMENSIONS[name])


@pytest.mark.parametrize("name", [*EXPORTS, "shown"])
def test_exported_columns(name: str) -> None:
    assert columns("exports.md", f"## `{name}.parquet`") == declared({**EXPORTS, "shown": SHOWN}[name])


def test_scopes_windows_and_metrics() -> None:
    scopes, windows = tables(REFERENCE / "metrics.md", "## Scopes and windows")
    assert [bare(row[0]) for row in scopes[1:]] == list(SCOPES)
    assert [bare(row[0]) for row in windows[1:]] == list(WINDOWS)
    [figures] = tables(REFERENCE / "metrics.md", "## Figures")
    named = (*METRICS, *UNIQUES, *RATIOS)
    assert {bare(row[0]): row[1] for row in figures[1:]} == {name: DEFINITIONS[name] for name in named}
    assert [bare(row[0]) for row in figures[1:]] == list(named)


def test_settings_and_their_defaults() -> None:
    unit_ms = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
    [table] = tables(REFERENCE / "settings.md", "# Settings")
    described: dict[str, object] = {}
    for row in table[1:]:
        name, default = bare(row[0]), bare(row[1])
        duration = re.fullmatch(r"(\d+)(ms|s|m|h|d)", default)
        described[f"{name}_ms" if duration else name] = (
            int(duration[1]) * unit_ms[duration[2]] if duration else default
        )
    actual = {name: getattr(Settings(), name) for name in Settings.__dataclass_fields__}
    assert described.pop("redis") == "none: an embedded one"
    assert actual.pop("redis") is None
    assert described.pop("sink") == "none"
    assert actual.pop("sink") is None
    for name in ("keys", "jwt_key", "pseudonymize"):
        assert described.pop(name) == "none"
        assert actual.pop(name) is None
    assert described.pop("features") == "none"
    assert actual.pop("features") is None
    assert described == {
        name: value if name.endswith("_ms") else str(value) for name, value in actual.items()
    }


def test_every_reason_of_the_law_and_of_the_readers_is_listed() -> None:
    page = REFERENCE / "dead-letters.md"
    listed = {bare(row[0]) for table in tables(page) for row in table[1:]}
    assert {rule.reason for rule in load_rules()} <= listed
    sources = [ROOT / "transforms" / "dedup.py", *(ROOT / "schemas" / "codecs").glob("*.py")]
    sources += (ROOT / "transforms" / "io").glob("*.py")
    given = re.compile(r"""(?:Refusal\(\s*|CONFLICT: \(\s*|TOO_LATE: \(\s*)"([a-z_0-9]+)\"""")
    read = {reason for path in sources for reason in given.findall(path.read_text(encoding="utf-8"))}
    assert {"malformed_json", "too_late", "conflicting_duplicate", "wrong_type"} <= read
    assert listed == read | {rule.reason for rule in load_rules()}


def test_what_each_rule_asks_and_of_whom() -> None:
    table = next(tables(REFERENCE / "dead-letters.md", "## Breaks a rule of the contract"))
    asked = {bare(row[0]): (row[1], row[2]) for row in table[1:]}
    in_own_words = {"string_too_long", "number_too_large", "implausible_time", "foreign_currency"}
    for rule in load_rules():
        says, whom = asked[rule.reason]
        assert rule.reason in in_own_words or rule.detail in says
        assert (rule.event_type or "every event") in whom or whom == "every event"


def test_redis_keys_are_those_of_the_layout() -> None:
    [described] = [table for table in tables(REFERENCE / "redis.md") if table[0][0] == "key"]
    layout = re.findall(r"^\| `(NS:.*?) \| (\w+) \|", keys.__doc__ or "", re.MULTILINE)
    assert [(bare(row[0]), row[1]) for row in described[1:]] == [(bare(key), kind) for key, kind in layout]


def test_cells_are_in_the_stored_order() -> None:
    [cells] = [table for table in tables(REFERENCE / "redis.md") if table[0][0] == "cell"]
    stored = [re.findall(r"`(\w+)`", row[1]) for row in cells[1:]]
    assert stored == [
        list(names)
        for names in (
            (*EVENT_TIME_COUNTS, *UNIQUES),
            ORDER_TIME_COUNTS,
            ATTRIBUTION_COUNTS,
            TOUCH_CELL,
            FUNNEL_CELL,
        )
    ]
    said = "the twelfth integer of the array"
    assert said in " ".join(prose(REFERENCE / "redis.md").split())
    assert EVENT_TIME_COUNTS[11] == "gmv_paid_minor"
    assert (
        f"HGET {keys.metric_key('is', 'e', 'room', 'total', -1)} r1"
        in Path(REFERENCE / "redis.md").read_text()
    )


def test_versions_are_as_long_as_told() -> None:
    assert f"{keys.VERSION_BYTES} bytes of **version**" in prose(REFERENCE / "redis.md")
    assert f"modulo {keys.BUCKETS}" in prose(REFERENCE / "redis.md")


def test_feature_views_and_what_they_may_name() -> None:
    page = REFERENCE / "features.md"
    [views] = tables(page, "## Views")
    assert [[bare(row[0]), bare(row[1]), *row[2:]] for row in views[1:]] == [
        [view.name, "+".join(view.entity), " ".join(view.windows), view.ttl, view.doc] for view in SHIPPED
    ]
    for view in SHIPPED:
        [features] = tables(page, f"### `{view.name}`")
        assert [[bare(row[0]), *row[1:]] for row in features[1:]] == [
            [each.label, type(each).__name__, " ".join(view.windows_of(each)), each.unit]
            for each in view.aggregations
        ]
    for section, names in (("## Events", EVENTS), ("## Entities", ENTITY_FIELDS), ("## Numbers", NUMBERS)):
        [table] = tables(page, section)
        assert [bare(row[0]) for row in table[1:]] == list(names)
