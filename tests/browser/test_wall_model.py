"""The model view: what is served, and what learns in its shadow."""

import json
from typing import Any

import pytest
from wall_browser import Evening, Tab, interestream


def test_a_shadow_stands_beside_the_served_model(tab: Tab, evening: Evening) -> None:
    told = json.loads(interestream("recommend", "--model", "--data-dir", evening.data_dir, "--json"))[
        "shadow"
    ]
    counters = told["counters"]
    tab.open("#model")
    section = tab.page.locator(".shadow")
    rates = [counters[f"{which}_hit_rate_at_10"] for which in ("served", "shadow")]
    ranks = [counters[f"{which}_mrr_at_10"] for which in ("served", "shadow")]
    assert section.locator(".versus .value").all_inner_texts() == [
        *(f"{rate * 100:.1f}%" for rate in rates),
        *(f"{rank:.3f}" for rank in ranks),
    ]
    pairs = dict(
        zip(section.locator("dt").all_inner_texts(), section.locator("dd").all_inner_texts(), strict=True)
    )
    labels = {
        "predictions": "predictions",
        "only served was right": "only_served",
        "only shadow was right": "only_shadow",
    }
    for label, name in labels.items():
        assert pairs[label].replace(",", "") == str(int(counters[name]))
    assert "rate = 0.1 · parts = popularity, transitions" in section.inner_text()


@pytest.mark.parametrize(("given", "shown"), [(0.0000021, "< 0.001"), (0.25, "0.250")])
def test_a_chance_that_is_small_is_not_0(tab: Tab, given: float, shown: str) -> None:
    """The page is told another chance than the evening's."""

    def answer(route: Any) -> None:
        response = route.fetch()
        view = response.json()
        view["shadow"]["counters"]["window_p"] = given
        route.fulfill(response=response, json=view)

    tab.page.route("**/v1/wall/model", answer)
    tab.open("#model")
    assert tab.page.locator(".shadow dd").last.inner_text() == shown
