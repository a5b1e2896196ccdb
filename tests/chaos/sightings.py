"""What the checks saw: one line each, and one JSON object each in build/chaos/results.jsonl."""

import json
import time
from typing import Any

from running import ROOT

RESULTS = ROOT / "build" / "chaos" / "results.jsonl"


def saw(check: str, **figures: Any) -> str:
    """Append what a check saw; returns the line to print."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"check": check, "at": moment} | figures) + "\n")
    return f"{check}: " + ", ".join(f"{name} {value}" for name, value in figures.items())
