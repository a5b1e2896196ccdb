"""A real server as a process, a page of a real browser, and what both have said."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
EVENTS = 16_000


def interestream(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "runners.cli.app", *map(str, arguments)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INTERESTREAM_")}
    return kept | {"PYTHONPATH": str(ROOT)}


@dataclass
class Server:
    """`interestream serve` as a process, which may be stopped and started again at the same address."""

    data_dir: Path
    url: str = ""
    _process: "subprocess.Popen[str] | None" = field(default=None, repr=False)

    def start(self) -> None:
        port = self.url.rpartition(":")[2] or "0"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "runners.cli.app", "serve", "--data-dir", self.data_dir, "--port", port],
            cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stderr is not None
        for line in self._process.stderr:
            found = re.search(r"http://\S+?:\d+", line)
            if found:
                self.url = found[0]
                return
        raise AssertionError(f"the server ended with {self._process.wait()}")

    def stop(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)
        assert self._process.stderr is not None
        self._process.stderr.close()

    def ask(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)


AXE = ROOT / "serving" / "wall" / "web" / "node_modules" / "axe-core" / "axe.min.js"


@dataclass(frozen=True)
class Evening:
    """A replayed evening, its export, and the events that it is made of."""

    data_dir: Path
    export: Path
    events: Path


@dataclass
class Tab:
    """One page of the browser, and everything that it asked for or complained of."""

    page: Any
    url: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, address: str = "") -> None:
        """Go to an address of the wall, and wait until its figures stand there."""
        self.page.goto(f"{self.url}/{address}")
        self.page.wait_for_selector("main .view")
        self.page.wait_for_selector(".link[data-link=live]")


def barriers(tab: Tab) -> list[tuple[str, list[str]]]:
    """Return what keeps anybody from using what the page shows now, as axe finds it; skips where axe is not installed."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm ci in serving/wall/web")
    # Through the debugger, which no policy of the page holds back.
    tools = tab.page.context.new_cdp_session(tab.page)
    tools.send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    found = tab.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [(each["id"], [node["html"][:160] for node in each["nodes"][:3]]) for each in found["violations"]]


def scrub(tab: Tab, minute: int) -> None:
    """Put the slider on a minute of the show."""
    tab.page.locator(".review input").evaluate(
        "(input, minute) => { input.value = String(minute); input.dispatchEvent(new Event('input')); }",
        minute,
    )


def opened(browser: Any, url: str, **options: Any) -> Iterator[Tab]:
    asked = {"viewport": {"width": 1440, "height": 900}, "locale": "en-GB", "color_scheme": "light"} | options
    context = browser.new_context(**asked)
    tab = Tab(context.new_page(), url)
    tab.page.on("request", lambda request: tab.requests.append(request.url))
    tab.page.on(
        "console", lambda message: tab.complaints.append(message.text) if message.type == "error" else None
    )
    tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
    yield tab
    # What a test answered in the place of the server may be under way still.
    tab.page.unroute_all(behavior="ignoreErrors")
    context.close()
