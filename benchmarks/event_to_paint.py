"""Measures the way from an event put onto a Redis Stream to the figure that counts it, painted in a browser.

    python benchmarks/event_to_paint.py --rate 5000 --seconds 60

As `live_latency.py`, with `interestream serve` and a headless Chromium on the platform view of the live wall in the place of
the reader: a paid order has arrived once the page has painted a GMV that counts it and all before it. The page itself notes
when it painted which figure, by the clock of the same machine. `load` is that of the machine at the end, whose cores the
publisher, the job, Redis, the server and the browser share. Needs playwright and a Chromium (`--browser`).
"""

import argparse
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import redis
from live_latency import STREAM, Counts, Times, await_running, latencies_ms, publish
from measured import COMMAND, ROOT, generated, own_redis

PATIENCE_S: Final = 60.0
WATCH: Final = """() => {
  const painted = window.painted = [];
  const figure = () => document.querySelector('[data-ratio=gmv_paid_minor] data')?.getAttribute('value') ?? null;
  let last = null;
  const look = () => {
    const now = figure();
    if (now === last) return;
    last = now;
    requestAnimationFrame(() => setTimeout(() => painted.push([Date.now(), now])));
  };
  const changes = {subtree: true, childList: true, attributes: true, attributeFilter: ['value']};
  new MutationObserver(look).observe(document.body, changes);
}"""
"""Notes each figure just after the frame in which it stands was painted."""

ASKED: Final = """performance.getEntriesByType('resource')
  .filter((entry) => entry.name.includes('/v1/wall/platform')).map((entry) => entry.duration)"""
"""How long the server took to compose the views, in milliseconds."""


def money_by(lines: list[bytes]) -> Counts:
    """Return the GMV paid that the page must show once each line counts, in minor units; duplicates add nothing."""
    seen: set[str] = set()
    adds = np.zeros(len(lines), np.int64)
    for number, line in enumerate(lines):
        event = orjson.loads(line)
        if event.get("order_status") == "paid" and event["event_id"] not in seen:
            adds[number] = event["amount_minor"]
        seen.add(event["event_id"])
    return np.cumsum(adds)


@contextmanager
def page_over(home: Path, browser: str) -> Iterator[Any]:
    """Serve a data directory, and give a page of a browser that shows its platform view."""
    from playwright.sync_api import sync_playwright

    command = [*COMMAND, "serve", "--data-dir", str(home), "--port", "0", "--rate-limit", "0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        found = re.search(r"http://\S+?:\d+", server.stderr.readline())
        try:
            assert found, "the server did not start"
            with sync_playwright() as playwright:
                opened = playwright.chromium.launch(
                    executable_path=browser, args=["--headless", "--no-sandbox", "--disable-gpu"]
                )
                page = opened.new_page(viewport={"width": 1440, "height": 900})
                page.goto(f"{found[0]}/#platform")
                page.wait_for_selector(".link[data-link=live]")
                page.evaluate(WATCH)
                yield page
                opened.close()
        finally:
            server.send_signal(signal.SIGINT)


def watch(page: Any, last: int) -> tuple[Times, Counts]:
    """Wait until the page shows all money, or the same for long; return when it painted what (seconds, minor units)."""
    moved, held = time.monotonic(), 0
    while held < last and time.monotonic() - moved < PATIENCE_S:
        page.wait_for_timeout(500)
        now = minor(page.evaluate("window.painted.at(-1)?.[1] ?? null"))
        if now != held:
            moved, held = time.monotonic(), now
    told = page.evaluate("window.painted")
    return np.array([0.0, *(at / 1000 for at, _ in told)]), np.array([0, *(minor(text) for _, text in told)])


def minor(text: str | None) -> int:
    """Return an exact amount in minor units; 0 where none is shown."""
    return int("".join(filter(str.isdigit, text or "")) or 0)


def measure(options: argparse.Namespace, lines: list[bytes], folder: Path) -> dict[str, Any]:
    """Publish, watch, and compare the two."""
    must_show, home = money_by(lines), folder / "home"
    with own_redis(folder / "source") as (url, _):
        command = [*COMMAND, "run", f"{url}?stream={STREAM}", "--data-dir", str(home), "--json"]
        run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        await_running(redis.Redis(unix_socket_path=str(home / "redis" / "server.sock")), run)
        with page_over(home, options.browser) as page:
            hear, tell = multiprocessing.Pipe(duplex=False)
            publisher = multiprocessing.Process(target=publish, args=(url, lines, options.rate, tell))
            publisher.start()
            times, shown = watch(page, int(must_show[-1]))
            asked = page.evaluate(ASKED)
            sent_at = hear.recv() + (time.time() - time.monotonic())
            publisher.join()
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=PATIENCE_S)
    found = latencies_ms(sent_at, must_show, times, shown, options.warm_up)
    p50, p95, p99 = np.percentile(found, [50, 95, 99]).round().tolist()
    return {
        "rate": round(len(lines) / float(sent_at[-1] - sent_at[0])),
        "timed": len(found),
        "paints": len(times) - 1,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "max_ms": round(float(found.max())),
        "view_ms": round(float(np.median(asked or [0]))),
        "never_shown_minor": int(must_show[-1] - shown.max()),
        "load": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    """Measure once."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--rate", type=float, default=5_000.0, help="events a second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long they are timed (%(default)s)")
    parser.add_argument("--warm-up", type=float, default=10.0, help="seconds before, not timed (%(default)s)")
    parser.add_argument("--browser", default=shutil.which("chromium"), help="a Chromium (%(default)s)")
    parser.add_argument("--cache", type=Path, default=Path("build/bench"), help="keeps events (%(default)s)")
    options = parser.parse_args()
    if options.browser is None:
        raise SystemExit(
            "No Chromium was found. Name one with --browser; on Debian: apt-get install chromium"
        )
    cache = options.cache.resolve()
    events = generated(cache, round(options.rate * (options.seconds + options.warm_up)), options.rate, 1)
    shutil.rmtree(cache / "paint", ignore_errors=True)
    found = measure(options, events.read_bytes().splitlines(), cache / "paint")
    shutil.rmtree(cache / "paint", ignore_errors=True)
    print(json.dumps(found, indent=2))
    sys.exit(found["never_shown_minor"] > 0)


if __name__ == "__main__":
    main()
