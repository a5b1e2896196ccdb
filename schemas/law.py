"""The contract's law: every rule an event must keep, read from the Great Expectations suites.

The suites (`schemas/suites/*.json`, in Great Expectations' own serialised form) are the only place
where a rule is written. The gate of the hot path and the Great Expectations objects are both made
from what this module reads, and reading takes no import of Great Expectations (6 s).

>>> rules = load_rules(Terms(currency="USD"))
>>> rules[0].name, rules[0].reason
('event.schema_version.known', 'unknown_schema_version')
>>> [rule.detail for rule in rules if rule.reason == "foreign_currency"]
['currency must be USD, which this deployment reports in (--currency)']
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from string import Template
from typing import Any, Final

from schemas.errors import UsageError
from schemas.events import EVENT_TYPES

FIRST_TIME_MS: Final = -62_135_596_800_000
LAST_TIME_MS: Final = 253_402_300_799_999
"""The times that a calendar date can be written for: the years 1 to 9999, UTC."""

SHARED_SUITE: Final = "event"
"""The suite that every event is held to, whatever its type."""

SUITES: Final = (SHARED_SUITE, *EVENT_TYPES)
"""Every suite, in the order in which an event is held to them."""


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Terms:
    """What one deployment fills into the law: its currency, and when an event can have happened.

    Use it to accept logs that are older than 2009 or to report in another currency. Costs nothing.

    `currency` is an ISO 4217 code; `min_event_time_ms` (inclusive) and `max_event_time_ms`
    (exclusive) are UTC epoch milliseconds. Raises `UsageError` for a currency that no order could
    carry, and for bounds that no time lies between.

    >>> Terms().parameters()["min_event_time"]
    '2009-01-01T00:00:00.000+00:00'
    """

    currency: str = "CNY"
    min_event_time_ms: int = 1_230_768_000_000  # 2009-01-01
    max_event_time_ms: int = 4_102_444_800_000  # 2100-01-01

    def __post_init__(self) -> None:
        if not re.fullmatch("[A-Z]{3}", self.currency):
            raise UsageError(
                f"The currency must be a three-letter ISO 4217 code in capitals, got {self.currency!r}: "
                "give one such as CNY or USD."
            )
        if not FIRST_TIME_MS < self.min_event_time_ms < self.max_event_time_ms <= LAST_TIME_MS:
            raise UsageError(
                "Event times must be bounded by a lower and a higher time in the years 1 to 9999, got "
                f"{self.min_event_time_ms} and {self.max_event_time_ms}: give both as UTC epoch milliseconds."
            )

    def parameters(self) -> dict[str, Any]:
        """Give the value of every `$PARAMETER` that the suites name."""
        return {
            "currency": self.currency,
            "currencies": [self.currency],
            "min_event_time": _iso(self.min_event_time_ms),
            "max_event_time": _iso(self.max_event_time_ms),
        }


DEFAULT_TERMS: Final = Terms()
"""The terms of a deployment that says nothing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the law, as one expectation states it.

    `name` is unique (`order.amount_minor.non_negative`); `reason` is the code a dead letter carries,
    which several rules may share; `event_type` is None where the rule holds for every type;
    `detail` says in a sentence what the rule asks.
    """

    name: str
    reason: str
    event_type: str | None
    column: str
    detail: str
    expectation: str = field(repr=False)
    arguments: Mapping[str, Any] = field(repr=False, hash=False)


def load_rules(terms: Terms = DEFAULT_TERMS) -> tuple[Rule, ...]:
    """Read every rule, in the order in which an event is held to them: about 1 ms."""
    return tuple(
        _rule(suite, stated) for suite in SUITES for stated in suite_document(suite, terms)["expectations"]
    )


def suite_document(suite: str, terms: Terms = DEFAULT_TERMS) -> dict[str, Any]:
    """Read one suite as Great Expectations serialises it, with the terms filled in.

    Raises `UsageError` for a suite that does not exist.

    >>> suite_document("follow")["expectations"][0]["kwargs"]
    {'column': 'user_id'}
    """
    if suite not in SUITES:
        raise UsageError(f"There is no suite {suite!r}: the suites are {', '.join(SUITES)}.")
    text = files("schemas").joinpath("suites", f"{suite}.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    parameters = terms.parameters()
    for stated in document["expectations"]:
        stated["kwargs"] = {name: _filled(value, parameters) for name, value in stated["kwargs"].items()}
        stated["meta"]["detail"] = Template(stated["meta"]["detail"]).substitute(parameters)
    return document


def _rule(suite: str, stated: Mapping[str, Any]) -> Rule:
    arguments = stated["kwargs"]
    return Rule(
        name=stated["meta"]["rule"],
        reason=stated["meta"]["reason"],
        event_type=None if suite == SHARED_SUITE else suite,
        column=arguments.get("column") or arguments["column_A"],
        detail=stated["meta"]["detail"],
        expectation=stated["type"],
        arguments=arguments,
    )


def _filled(value: Any, parameters: Mapping[str, Any]) -> Any:
    return parameters[value["$PARAMETER"]] if isinstance(value, dict) else value


def _iso(time_ms: int) -> str:
    return (_EPOCH + timedelta(milliseconds=time_ms)).isoformat(timespec="milliseconds")
