"""The guide to running live, followed: publish, run, look while it runs, stop with Ctrl-C."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from doc_pages import ROOT, blocks

from runners.embedded_redis import open_redis

GUIDE = ROOT / "docs" / "how-to" / "run-live.md"
EVENTS = ROOT / "docs" / "how-to" / "dead-letters.md"
STREAM = "redis://localhost:6379/0"
PATIENCE_S = 600.0


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[str]:
    """A Redis that stands where the guide has one at localhost."""
    with open_redis(None, tmp_path / "stream") as store:
        yield store.url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / "dims").mkdir(parents=True)
    (folder / "dims" / "items.csv").write_text("item_id,merchant_id\ni1,m1\n")
    events = re.findall(r"<<'END'\n(.*?)^END$", blocks(EVENTS)[0].text, re.MULTILINE | re.DOTALL)[0]
    (folder / "show.jsonl").write_text(events)
    return folder


def shown(command: str, stream: str) -> list[str]:
    """Return the words of the guide's first command of this name, run from the tree."""
    lines = [line for block in blocks(GUIDE) for line in block.text.splitlines()]
    line = next(line for line in lines if line.startswith(f"interestream {command} "))
    return [sys.executable, "-m", "runners.cli.app", *shlex.split(line.replace(STREAM, stream))[1:]]


def test_the_guide_works_as_written(folder: Path, stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    subprocess.run(shown("publish", stream), cwd=folder, check=True, capture_output=True, timeout=PATIENCE_S)
    with subprocess.Popen(shown("run", stream), cwd=folder, stdout=subprocess.PIPE, text=True) as running:
        try:
            figures = _awaited(folder, stream, running)
            running.send_signal(signal.SIGINT)
            report, _ = running.communicate(timeout=PATIENCE_S)
        finally:
            running.kill()
    paid = 9990
    assert sum(row["gmv_paid_minor"] for row in figures) == paid
    assert running.returncode == 0
    assert "refused: negative_amount" in report


def _awaited(folder: Path, stream: str, running: "subprocess.Popen[str]") -> list[dict[str, int]]:
    """Ask for the figures, as the guide does in another terminal, until the refund has come in too."""
    ask = [*shown("metrics", stream), "--json"]
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert running.poll() is None, "the pipeline ended by itself"
        asked = subprocess.run(ask, cwd=folder, capture_output=True, text=True, check=False)
        rows = json.loads(asked.stdout)["rows"] if asked.returncode == 0 else []
        if sum(row["refunds_minor"] for row in rows):
            return list(rows)
        time.sleep(0.2)
    raise AssertionError("no figures came")
