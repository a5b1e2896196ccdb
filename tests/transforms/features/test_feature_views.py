"""What a declaration says, and what is said of one that cannot be kept: the line and the remedy, before any event."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from schemas.errors import UsageError
from transforms.features.aggregations import Aggregation, Count, Decayed, Last, Ratio, Slope, Sum, TopK
from transforms.features.compiled import compile_views
from transforms.features.file import views_in, views_of_job
from transforms.features.view import FeatureView
from transforms.features.views import SHIPPED
from transforms.features.windows import parsed

GOOD: dict[str, Any] = {
    "entity": "user_id", "on": ["view", "click"], "aggregations": [Count()], "windows": ["1h"], "ttl": "7d",
}  # fmt: skip


@dataclass(frozen=True)
class Median(Aggregation):
    kind: ClassVar[str] = "median"
    mergeable: ClassVar[bool] = False


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"entity": "usr_id"}, "entity= names 'usr_id', which is no entity field. Did you mean 'user_id'?"),
        ({"on": "clik"}, "on= names 'clik', which is no event. Did you mean 'click'?"),
        ({"aggregations": [Sum("amount")]}, "'amount', which is no number or id of an event. Did you mean 'amount_minor'?"),
        ({"aggregations": [Sum("item_id")]}, "needs a number, and item_id is a text"),
        ({"aggregations": [Count(where="coupon")]}, "where= names 'coupon'"),
        ({"aggregations": [Count(on="follow")]}, "takes 'follow', which on= does not name. Add it to on=."),
        ({"aggregations": [Ratio(Count(on="order.paid"), Count())]}, "takes 'order.paid', which on= does not name"),
        ({"aggregations": [Count(), Count()]}, "two aggregations are called 'count'"),
        ({"aggregations": [Last("item_id", n=0)]}, "keeps n=0 values. Take 1 to 100."),
        ({"aggregations": [TopK("user_id")]}, "of which there is no end. Take DistinctCount, or Last."),
        ({"aggregations": [Decayed(half_life="soon")]}, "'soon' is no duration"),
        ({"aggregations": [Count(windows=("5m",))]}, "has the window '5m', which windows= does not"),
        ({"aggregations": [Slope()], "windows": ["5d"]}, "looks at two windows, which are longer than ttl='7d'"),
        ({"aggregations": [Median()], "entity": "session_id"}, "cannot be merged from tiles, so no sliding window"),
        ({"windows": ["1 hour"]}, "'1 hour' is no duration; write minutes, hours or days"),
        ({"windows": ["90m"], "tiles": {"90m": "1h"}}, "is not a multiple of its tile '1h'. Take a shorter tile"),
        ({"windows": ["1h"], "tiles": {"1h": "2m"}}, "tiles of '2m' are not kept. Take 1m, 5m, 1h or 1d."),
        ({"windows": ["30d"]}, "the window '30d' is longer than ttl='7d'. Lengthen ttl."),
        ({"aggregations": []}, "must not be empty"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_where_it_stands(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)) as raised:
        FeatureView("mine", **(GOOD | changed))
    assert re.match(rf"{re.escape(__file__)}:\d+: view 'mine': ", str(raised.value))


def test_two_views_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="another view has the same name"):
        compile_views([FeatureView("mine", **GOOD), FeatureView("mine", **GOOD)])


def test_a_further_view_of_the_same_costs_no_column() -> None:
    one = compile_views([FeatureView("one", **GOOD)])
    both = compile_views([FeatureView("one", **GOOD), FeatureView("two", **GOOD)])
    assert one.plans[0].levels == both.plans[0].levels
    assert len(both.catalogue.entities[0].features) == 2 * len(one.catalogue.entities[0].features)


def test_the_far_end_of_no_shipped_window_is_off_by_more_than_a_fifth() -> None:
    for view in SHIPPED:
        for window in view.windows:
            assert parsed(window) % view.tile_ms(window) == 0
            assert view.tile_ms(window) <= parsed(window) / 5
        assert view.doc
        assert view.owner
        assert all(each.unit for each in view.aggregations)


FILE = """
from transforms.features.aggregations import Count
from transforms.features.view import FeatureView

def made(name):
    return FeatureView(name, entity="item_id", on="click", aggregations=[Count()], windows=["1h"])

ALONE = made("alone")
MORE = [made("one"), (made("two"), ALONE)]
"""


def test_views_of_a_file_stand_beside_those_that_ship(tmp_path: Path) -> None:
    path = tmp_path / "views.py"
    path.write_text(FILE, encoding="utf-8")
    assert sorted(view.name for view in views_in(path)) == ["alone", "one", "two"]
    assert len(views_of_job(path)) == len(SHIPPED) + 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\n", r"declares no feature view"),
        ("x = 1\ny = 1 / 0\n", r"views\.py:2: ZeroDivisionError"),
        ("x = (\n", r"views\.py:1: SyntaxError"),
        (FILE.replace('on="click"', 'on="clicks"'), r"views\.py:6: view 'alone': on= names 'clicks'"),
        (
            FILE.replace('"alone"', '"user_value"'),
            r"views\.py:6: view 'user_value': another view has the same name",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_where(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "views.py"
    path.write_text(text, encoding="utf-8")
    asked: Callable[[Path], Any] = views_of_job
    with pytest.raises(UsageError, match=says):
        asked(path)
