"""Two hours of a show in front of the page, at speed: what a wall that nobody looks after must bear for days."""

from collections.abc import Iterator
from typing import Any

import pytest
from wall_browser import Server, Tab

EACH_S = 10
UPDATES = 2 * 3600 // EACH_S
QUARTERS = 4
WARM_UP = 2
"""Quarters before the two hours: meanwhile the browser compiles what runs often, a megabyte of code, and then no more."""
SETTLED = 3
"""Further updates of the same minute before the page is looked at, so that all of it is drawn."""


def minutes_of(view: dict[str, Any], updates: int) -> Iterator[int]:
    """Yield which moment each update shows: the show passes once, from its first minute to its last."""
    from_ms, to_ms = view["from_ms"], view["to_ms"]
    for number in range(1, updates + 1):
        yield from_ms + (to_ms - from_ms) * number // updates


def held(tools: Any) -> dict[str, float]:
    """Return what the page holds once all that nobody refers to is gone."""
    for _ in range(2):
        tools.send("HeapProfiler.collectGarbage")
    told = {each["name"]: each["value"] for each in tools.send("Performance.getMetrics")["metrics"]}
    return {name: told[name] for name in ("Nodes", "JSEventListeners", "JSHeapUsedSize")}


@pytest.mark.e2e
def test_two_hours_of_updates_leave_the_page_as_it_was(tab: Tab, server: Server) -> None:
    """A show passes four times in two hours of the page's own clock; after each time the page holds the same."""
    [show, *_] = server.ask("/v1/wall/broadcasts")["broadcasts"]
    path = f"/v1/wall/room/{show['room_id']}?session={show['session_id']}"
    view = server.ask(path)
    shown = {"at": view["to_ms"]}

    def as_of(route: Any) -> None:
        route.continue_(url=f"{server.url}{path}&at={shown['at']}")

    def updated() -> None:
        with tab.page.expect_response(lambda response: "/v1/wall/room/" in response.url):
            tab.page.clock.run_for(EACH_S * 1000)

    tab.page.clock.install()
    tab.page.route("**/v1/wall/room/**", as_of)
    tab.open(f"#room/{show['room_id']}/{show['session_id']}")
    tools = tab.page.context.new_cdp_session(tab.page)
    tools.send("Performance.enable")
    quarters = []
    for _ in range(WARM_UP + QUARTERS):
        for shown["at"] in minutes_of(view, UPDATES // QUARTERS):
            updated()
        for _ in range(SETTLED):
            updated()
            tab.page.wait_for_timeout(300)
        quarters.append(held(tools))
    assert tab.complaints == []
    first, last = quarters[WARM_UP], quarters[-1]
    for name, value in last.items():
        assert value <= first[name] * 1.1, (name, [quarter[name] for quarter in quarters])
