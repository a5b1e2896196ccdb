"""A simulated evening, a real server over it, and a real browser in front of it."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from wall_browser import CHROMIUM, EVENTS, FLAGS, Evening, Server, Tab, interestream, opened

SHADOW = {"rate": 0.1, "parts": ["popularity", "transitions"]}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "e2e: takes long in a browser; run by make e2e")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "e2e" in (config.option.markexpr or ""):
        return
    for item in items:
        if item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.skip(reason="takes long; make e2e runs it"))


@pytest.fixture(scope="session")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Evening:
    folder = tmp_path_factory.mktemp("evening")
    interestream(
        "simulate", "--out", folder / "simulated", "--events", EVENTS, "--users", 1500, "--items", 120,
        "--rooms", 5, "--seed", 7,
    )  # fmt: skip
    (folder / "shadow.json").write_text(json.dumps(SHADOW))
    interestream(
        "replay", folder / "simulated", "--dims", folder / "simulated" / "dims", "--data-dir", folder / "data",
        "--shadow", folder / "shadow.json",
    )  # fmt: skip
    interestream("export", folder / "export", "--data-dir", folder / "data")
    return Evening(folder / "data", folder / "export", folder / "simulated" / "events")


@pytest.fixture(scope="session")
def server(evening: Evening) -> Iterator[Server]:
    server = Server(evening.data_dir)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Open for one file: meanwhile its event loop runs in this thread, where other tests want theirs."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="the browser is driven by playwright: pip install playwright"
    )
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no browser is installed; on Debian: apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def tab(browser: Any, server: Server) -> Iterator[Tab]:
    yield from opened(browser, server.url)
