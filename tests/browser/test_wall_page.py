"""How the page behaves: languages, themes, views, keys; what it asks for; what becomes of it without a server."""

import re
from pathlib import Path
from typing import Any

import pytest
from wall_browser import Server, Tab, barriers, opened

from schemas.metrics import DEFINITIONS

VIEWS = ("room", "platform", "quality", "model", "health")


def test_nothing_is_asked_of_anybody_else_and_nothing_is_complained_of(tab: Tab) -> None:
    for view in VIEWS:
        tab.open(f"#{view}")
    assert {request for request in tab.requests if not request.startswith(tab.url)} == set()
    assert tab.complaints == []


def test_no_script_or_style_may_be_injected(tab: Tab) -> None:
    answer = tab.page.goto(tab.url)
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    added = """() => {
      const script = document.createElement('script');
      script.textContent = 'window.injected = 1';
      document.body.append(script);
      return window.injected ?? null;
    }"""
    assert tab.page.evaluate(added) is None


def test_views_by_link_and_by_key(tab: Tab) -> None:
    tab.open("#platform")
    tab.page.click("nav >> text=Quality")
    tab.page.wait_for_selector(".view.quality")
    for number, view in enumerate(VIEWS, start=1):
        tab.page.keyboard.press(str(number))
        tab.page.wait_for_selector(f".view.{view}")
        assert tab.page.get_attribute("nav [aria-current=page]", "href").startswith(f"#{view}")


def test_language_and_theme_are_switched_and_kept(tab: Tab) -> None:
    tab.open()
    tab.page.keyboard.press("l")
    tab.page.wait_for_selector("text=支付成交额")
    assert tab.page.get_attribute("html", "lang") == "zh-CN"
    tab.page.keyboard.press("t")
    tab.open()
    tab.page.wait_for_selector("text=支付成交额")
    assert tab.page.get_attribute("html", "data-theme") == "dark"
    assert not set(tab.page.inner_text(".tiles")) & set("abcdefghijklmnopqrstuvwxyz")


def test_a_label_tells_its_definition_where_it_is_focused(tab: Tab) -> None:
    tab.open()
    for metric in ("gmv_paid_minor", "click_to_paid"):
        tab.page.focus(f".room [data-metric={metric}] >> nth=0")
        assert DEFINITIONS[metric] in tab.page.inner_text("#bubble")


def test_a_host_has_a_sign_that_is_no_image_and_is_read_by_nobody(tab: Tab, server: Server) -> None:
    show = server.ask("/v1/wall/broadcasts")["broadcasts"][0]
    tab.open(f"#room/{show['room_id']}/{show['session_id']}")
    host = show["creator_id"]
    assert host in tab.page.inner_text(".top .host")
    assert tab.page.get_attribute(".top .avatar", "aria-hidden") == "true"
    # sim-c003 is C3: the word that the number belongs to, and the number.
    word, number = re.fullmatch(r".*?([a-z]+)0*(\d+)", host).groups()
    assert tab.page.inner_text(".top .avatar") == f"{word[0].upper()}{number}"
    assert tab.page.locator("img").evaluate_all(
        "images => images.map(image => new URL(image.src).pathname)"
    ) == ["/static/logo.svg"]
    tab.open("#platform")
    assert not tab.page.is_visible(".top .host")


def test_simulated_figures_say_so(tab: Tab) -> None:
    tab.open("?wall=1")
    assert tab.page.is_visible("text=SYNTHETIC")


def test_updates_can_be_paused(tab: Tab) -> None:
    tab.open()
    tab.page.keyboard.press("Space")
    tab.page.wait_for_selector(".link[data-link=paused]")
    tab.page.wait_for_timeout(300)
    before = len(tab.requests)
    tab.page.wait_for_timeout(2500)
    assert len(tab.requests) == before
    tab.page.keyboard.press("Space")
    tab.page.wait_for_selector(".link[data-link=live]")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.e2e)])
def test_anybody_can_use_it(tab: Tab, view: str, theme: str) -> None:
    tab.open(f"?theme={theme}#{view}")
    tab.page.wait_for_timeout(300)
    assert barriers(tab) == []


@pytest.mark.parametrize("view", ["room", *(pytest.param(view, marks=pytest.mark.e2e) for view in VIEWS[1:])])
def test_it_fits_a_phone(browser: Any, server: Server, view: str) -> None:
    for tab in opened(browser, server.url, viewport={"width": 390, "height": 844}, has_touch=True):
        tab.open(f"#{view}")
        assert tab.page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_wall_has_large_type_and_no_controls(browser: Any, server: Server) -> None:
    for tab in opened(browser, server.url, viewport={"width": 3840, "height": 2160}):
        tab.open()
        plain = tab.page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")
        tab.open("?wall=1")
        wall = tab.page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")
        assert wall / plain == pytest.approx(1.6, rel=0.01)
        assert not tab.page.is_visible(".controls")


def test_it_goes_on_after_the_server_was_away(tab: Tab, server: Server) -> None:
    tab.open()
    figure = tab.page.get_attribute("[data-tile=gmv_paid_minor] data.fig", "value")
    server.stop()
    tab.page.wait_for_selector(".link[data-link=lost]")
    assert tab.page.get_attribute("[data-tile=gmv_paid_minor] data.fig", "value") == figure
    server.start()
    tab.page.wait_for_selector(".link[data-link=live]")
    tab.page.keyboard.press("2")
    tab.page.wait_for_selector(".view.platform")


def test_nothing_published_is_told_as_that(browser: Any, tmp_path: Path) -> None:
    empty = Server(tmp_path)
    empty.start()
    try:
        for tab in opened(browser, empty.url):
            for view in ("room", "platform"):
                tab.page.goto(f"{empty.url}/#{view}")
                tab.page.wait_for_selector("text=Nothing is published yet")
                assert not re.search(r"\b0\b", tab.page.inner_text("main"))
    finally:
        empty.stop()


@pytest.mark.e2e
def test_two_hours_leave_memory_and_document_as_they_were(tab: Tab) -> None:
    """Each minute of a show is drawn once to warm up and once to measure."""
    tab.open()
    tools = tab.page.context.new_cdp_session(tab.page)

    def scrubbed() -> dict[str, float]:
        minutes = int(tab.page.get_attribute(".review input", "max"))
        for minute in range(1, minutes, max(1, minutes // 60)):
            tab.page.evaluate(
                """(minute) => new Promise((done) => {
                  const input = document.querySelector('.review input');
                  input.value = String(minute);
                  input.dispatchEvent(new Event('input'));
                  setTimeout(done, 60);
                })""",
                minute,
            )
        for _ in range(2):
            # The page asks again by itself, so what stands there now is drawn, and nothing refers to what stood before.
            with tab.page.expect_response(lambda response: "/v1/wall/room/" in response.url):
                pass
            tab.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 200)))")
        for _ in range(2):
            tools.send("HeapProfiler.collectGarbage")
        heap = tools.send("Runtime.getHeapUsage")["usedSize"]
        return {**tools.send("Memory.getDOMCounters"), "heap": heap}

    scrubbed()
    before, after = scrubbed(), scrubbed()
    for name in ("nodes", "jsEventListeners", "heap"):
        assert after[name] <= before[name] * 1.1, name
