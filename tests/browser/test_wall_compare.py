"""Two broadcasts side by side: the same minute of both, each since its own start."""

from typing import Any

import duckdb
import pytest
from wall_browser import Evening, Server, Tab, barriers, opened, scrub

MINUTE = 60_000
SUMS = ("gmv_paid_minor", "net_gmv_minor", "orders_paid")


def pair(server: Server) -> list[dict[str, Any]]:
    """Return the whole views of the two broadcasts with the most money."""
    shows = server.ask("/v1/wall/broadcasts")["broadcasts"]
    most = sorted(shows, key=lambda show: -show["gmv_paid_minor"])[:2]
    return [server.ask(f"/v1/wall/room/{show['room_id']}?session={show['session_id']}") for show in most]


def address(shows: list[dict[str, Any]]) -> str:
    return "#room/" + "/".join(f"{show['room_id']}/{show['session_id']}" for show in shows)


def minutes(show: dict[str, Any]) -> int:
    return int((show["to_ms"] - show["from_ms"]) // MINUTE)


def side_by_side(tab: Tab, shows: list[dict[str, Any]], query: str = "") -> None:
    tab.open(f"{query}{address(shows)}")
    tab.page.wait_for_selector(".view.compare")


def shown(tab: Tab, metric: str) -> list[int | None]:
    texts = tab.page.locator(f"[data-difference={metric}] data.fig").evaluate_all(
        "figures => figures.map(figure => figure.getAttribute('value'))"
    )
    return [int("".join(char for char in text if char.isdigit())) if text != "–" else None for text in texts]


def summed(evening: Evening, show: dict[str, Any], minute: int) -> list[int]:
    """Return what the exported minutes of a show sum to, before one of its own minutes."""
    columns = ", ".join(f"sum({name})::BIGINT" for name in SUMS)
    [row] = duckdb.execute(
        f"""SELECT {columns} FROM '{evening.export}/metrics.parquet'
        WHERE scope = 'session' AND id = ? AND "window" = 'minute' AND epoch_ms(window_start) < ?""",
        [show["session_id"], show["from_ms"] + minute * MINUTE],
    ).fetchall()
    return list(row)


def test_each_is_shown_as_of_the_same_minute_of_its_own(tab: Tab, server: Server, evening: Evening) -> None:
    shows = pair(server)
    side_by_side(tab, shows)
    for minute in (40, 71):
        scrub(tab, minute)
        tab.page.locator(
            ".side-head .at", has_text=f"minute {minute} of {minutes(shows[0])}"
        ).first.wait_for()
        wanted = [summed(evening, show, minute) for show in shows]
        for number, metric in enumerate(SUMS):
            own, other = (sums[number] for sums in wanted)
            assert shown(tab, metric) == [own, other], metric
            change = own / other - 1
            text = f"{'▲' if change > 0 else '▼'} {abs(change) * 100:,.1f}%"
            assert tab.page.inner_text(f"[data-difference={metric}] .change") == text
        assert shown(tab, "viewers") == [None, None]
    assert tab.complaints == []


def test_whole_shows_are_compared_by_what_is_published_of_them(
    tab: Tab, server: Server, evening: Evening
) -> None:
    shows = pair(server)
    side_by_side(tab, shows)
    for metric in (*SUMS, "buyers", "viewers"):
        wanted = [
            duckdb.execute(
                f"""SELECT {metric} FROM '{evening.export}/metrics.parquet'
                WHERE scope = 'session' AND id = ? AND "window" = 'total'""",
                [show["session_id"]],
            ).fetchall()[0][0]
            for show in shows
        ]
        assert shown(tab, metric) == wanted, metric
    points = (shows[0]["ratios"]["refund_rate"] - shows[1]["ratios"]["refund_rate"]) * 100
    told = tab.page.locator("[data-difference=refund_rate] .change")
    assert told.inner_text() == f"{'▲' if points > 0 else '▼'} {abs(points):.1f} pp"
    assert told.get_attribute("class") == f"change {'down' if points > 0 else 'up'}", "more refunds are worse"


def test_the_shorter_one_says_that_it_is_over(tab: Tab, server: Server) -> None:
    shows = sorted(pair(server), key=minutes)
    assert minutes(shows[0]) < minutes(shows[1])
    side_by_side(tab, shows)
    assert int(tab.page.get_attribute(".review input", "max")) == minutes(shows[1])
    scrub(tab, minutes(shows[1]) - 1)
    tab.page.locator(".side-head .at", has_text=f"over after {minutes(shows[0])} min").wait_for()
    assert shown(tab, "gmv_paid_minor")[0] == shows[0]["total"]["gmv_paid_minor"]


def test_it_is_chosen_kept_in_the_address_and_left_by_key(tab: Tab, server: Server) -> None:
    shows = pair(server)
    tab.open(address(shows[:1]))
    scrub(tab, 30)
    tab.page.locator(".review .at", has_text="30 /").wait_for()
    chooser = tab.page.locator(".review select")
    chooser.focus()
    chooser.select_option(f"{shows[1]['room_id']}\u001f{shows[1]['session_id']}")
    tab.page.wait_for_selector(".view.compare")
    tab.page.locator(".side-head .at", has_text="minute 30 of").first.wait_for()
    assert tab.page.evaluate("document.activeElement.closest('.review') !== null"), "the focus stays"
    assert tab.page.evaluate("location.hash") == address(shows)
    tab.page.locator(".review input").focus()
    tab.page.evaluate("document.activeElement.blur()")
    tab.page.keyboard.press("ArrowRight")
    tab.page.locator(".review .at", has_text="31 /").wait_for()
    tab.page.keyboard.press("l")
    tab.page.wait_for_selector(".view.compare >> text=两场的同一分钟")
    assert not set(tab.page.inner_text(".tiles")) & set("abcdefghijklmnopqrstuvwxyz")
    tab.page.reload()
    tab.page.wait_for_selector(".view.compare")
    tab.page.keyboard.press("Escape")
    tab.page.wait_for_selector(".view.room")
    assert tab.page.evaluate("location.hash") == address(shows[:1])


def test_the_other_goes_along_with_one_that_is_on_air(tab: Tab, server: Server) -> None:
    """The page is told that the first show is in its 50th minute."""
    shows = pair(server)
    path = f"/v1/wall/room/{shows[0]['room_id']}?session={shows[0]['session_id']}"

    def on_air(route: Any) -> None:
        response = route.fetch()
        view = response.json() | {"on_air": True, "shown_to_ms": shows[0]["from_ms"] + 50 * MINUTE}
        route.fulfill(response=response, json=view)

    tab.page.route(f"**{path}", on_air)
    side_by_side(tab, shows)
    heads = tab.page.locator(".side-head .at")
    assert heads.nth(0).inner_text().startswith("ON AIR · 50 min")
    assert heads.nth(1).inner_text().startswith(f"minute 50 of {minutes(shows[1])}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_anybody_can_use_two_side_by_side(tab: Tab, server: Server, theme: str) -> None:
    side_by_side(tab, pair(server), f"?theme={theme}")
    tab.page.wait_for_timeout(300)
    assert barriers(tab) == []


def test_a_phone_has_one_column_with_pairs_together(browser: Any, server: Server) -> None:
    for tab in opened(browser, server.url, viewport={"width": 390, "height": 844}, has_touch=True):
        side_by_side(tab, pair(server))
        assert tab.page.evaluate("document.documentElement.scrollWidth") == 390
        titles = tab.page.locator(".compare > section:not(.across) h2").all_inner_texts()
        assert [title[:4] for title in titles] == ["A · ", "B · "] * (len(titles) // 2)
        assert [title[4:] for title in titles[::2]] == [title[4:] for title in titles[1::2]]
        tops = tab.page.locator(".compare > section").evaluate_all(
            "panels => panels.map(panel => panel.getBoundingClientRect().top)"
        )
        assert tops == sorted(set(tops))
        tab.page.mouse.wheel(0, 1500)
        tab.page.wait_for_timeout(300)
        assert tab.page.locator(".review input").is_visible()
        slider = tab.page.locator(".slider-panel").bounding_box()
        assert 0 <= slider["y"] < 100, "the slider stays in sight"


def test_side_by_side_at_a_desk(tab: Tab, server: Server) -> None:
    side_by_side(tab, pair(server))
    boxes = [tab.page.locator(".compare > .trend-panel").nth(n).bounding_box() for n in (0, 1)]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
