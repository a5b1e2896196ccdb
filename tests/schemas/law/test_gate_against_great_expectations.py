"""The gate's verdict on every row is the one Great Expectations comes to with the same suites."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from law_rows import Row, batch_of, edge_values, good

from schemas.events import EVENT_SCHEMA, EVENT_TYPES
from schemas.expectations import frame, suite_for
from schemas.gate import ACCEPTED, Gate, compile_gate
from schemas.law import SHARED_SUITE, SUITES

GATE = compile_gate()


class GreatExpectations:
    """Runs the suites through Great Expectations' own engine."""

    def __init__(self) -> None:
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context = gx.get_context(mode="ephemeral")
        context.enable_analytics(False)
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("law").add_dataframe_asset("events")
        self._batches = asset.add_batch_definition_whole_dataframe("all")
        self._suites = {name: suite_for(name) for name in SUITES}

    def verdicts(self, batch: pa.RecordBatch, gate: Gate) -> np.ndarray:
        number = {rule.name: index for index, rule in enumerate(gate.rules, start=1)}
        rows = frame(batch)
        verdicts = np.zeros(len(rows), np.int16)
        for name, suite in self._suites.items():
            of_type = rows if name == SHARED_SUITE else rows[rows["event_type"] == name]
            for rule, broken_by in self._unexpected(of_type, suite).items():
                for row in broken_by:
                    verdicts[row] = min(verdicts[row] or number[rule], number[rule])
        return verdicts

    def _unexpected(self, rows: Any, suite: Any) -> dict[str, list[int]]:
        if rows.empty:
            return {}
        batch = self._batches.get_batch({"dataframe": rows})
        outcome = batch.validate(suite, result_format={"result_format": "COMPLETE"})
        for result in outcome.results:
            assert not result.exception_info.get("raised_exception", True), result.exception_info
        return {
            result.expectation_config.meta["rule"]: result.result["unexpected_index_list"]
            for result in outcome.results
            if not result.success
        }


@pytest.fixture(scope="module")
def great_expectations() -> GreatExpectations:
    return GreatExpectations()


def assert_same_verdicts(great_expectations: GreatExpectations, rows: list[Row]) -> np.ndarray:
    batch = batch_of(rows)
    ours, theirs = GATE.verdicts(batch), great_expectations.verdicts(batch, GATE)
    differing = [
        (rows[i], _rule(ours[i]), _rule(theirs[i])) for i in np.flatnonzero(ours != theirs)[:3].tolist()
    ]
    assert not differing
    return ours


def _rule(verdict: int) -> str:
    return "accepted" if verdict == ACCEPTED else GATE.rules[verdict - 1].name


def test_every_edge_value_in_every_column_of_every_type(great_expectations: GreatExpectations) -> None:
    rows = [
        good(event_type, **{column: value})
        for event_type in EVENT_TYPES
        for column in EVENT_SCHEMA.names
        for value in edge_values(column)
    ]
    both_times = edge_values("valid_from")
    rows += [good("coupon", valid_from=start, valid_to=end) for start in both_times for end in both_times]

    verdicts = assert_same_verdicts(great_expectations, rows)

    assert {_rule(verdict) for verdict in set(verdicts.tolist())} == {
        "accepted",
        *(rule.name for rule in GATE.rules),
    }, "every rule is the first that some row breaks"


def _changes() -> st.SearchStrategy[Row]:
    change = st.sampled_from(EVENT_SCHEMA.names).flatmap(
        lambda column: st.tuples(st.just(column), st.sampled_from(edge_values(column)) | _any_value(column))
    )
    return st.lists(change, max_size=4).map(dict)


def _any_value(column: str) -> st.SearchStrategy[Any]:
    kind = EVENT_SCHEMA.field(column).type
    if pa.types.is_string(kind):
        return st.text(max_size=8)
    if pa.types.is_boolean(kind):
        return st.booleans()
    if pa.types.is_floating(kind):
        return st.floats()
    bits = 64 if pa.types.is_timestamp(kind) else kind.bit_width
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


_ROWS = st.lists(
    st.builds(lambda name, changes: good(name, **changes), st.sampled_from(EVENT_TYPES), _changes()),
    min_size=1,
    max_size=60,
)


# A run of the suites takes half a second, so few examples of many rows, and no shrinking: the failure
# names the rows that differ.
@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(_ROWS)
def test_several_changes_at_once(great_expectations: GreatExpectations, rows: list[Row]) -> None:
    assert_same_verdicts(great_expectations, rows)
