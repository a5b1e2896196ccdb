"""`interestream evaluate` from outside: the JSON that the contract names, over files with a duplicate and a bad line."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_MS = 1_700_000_000_000


def click(number: int, user: str, item: str) -> dict[str, object]:
    return {
        "event_id": f"e{number:04d}", "event_type": "click", "event_time": START_MS + 1_000 * number,
        "schema_version": 1, "user_id": user, "item_id": item,
    }  # fmt: skip


def test_it_prints_what_the_contract_names(tmp_path: Path) -> None:
    walks = [(user, step) for user in range(40) for step in range(4)]
    clicks = [click(n, f"u{user}", f"i{(user + step) % 9}") for n, (user, step) in enumerate(walks)]
    lines = [
        json.dumps(each) for each in [*clicks, clicks[5], clicks[6] | {"event_id": "bad", "item_id": None}]
    ]
    path = tmp_path / "clicks.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "runners.cli.app", "evaluate", str(path), "--ablate", "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["events"], told["predictions"], told["refused"]) == (160, 120, 1)
    assert {"interestream", "popularity", "rules_last_3", "item_knn", "session_knn", "biased_mf"} <= told[
        "models"
    ].keys()
    assert {"without_gate", "without_factors", "only_transitions"} <= told["models"].keys()
    figures = told["models"]["interestream"]
    assert 0 < figures["mrr_at_10"] <= figures["hit_rate_at_10"] <= figures["hit_rate_at_20"] <= 1
    assert figures["coverage_at_10"] == 1.0
    assert sum(w["only_first"] + w["only_second"] for w in told["mcnemar_against_popularity"]) <= 120


def test_files_of_which_nothing_can_be_asked_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "noise.jsonl"
    path.write_bytes(bytes(range(256)) + b"\n" + json.dumps(click(1, "u", "i")).encode() + b"\n")
    done = subprocess.run(
        [sys.executable, "-m", "runners.cli.app", "evaluate", str(path), "--fast"],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Nothing could be asked: of 1 interactions" in done.stderr.replace("\n", " ")
