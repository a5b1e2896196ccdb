"""Savepoints and checkpoints of users outlive an upgrade, or the upgrade says that they do not."""

import difflib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pinned_steps import HEAD, PAGE, layout, page, steps

from pipelines import live_room
from runners.composition import cluster_options
from runners.jobs_request import JobRequest
from runners.settings import Settings
from transforms.shards import Sharded


def test_state_of_before_can_be_gone_on_from() -> None:
    pinned, now = PAGE.read_text(encoding="utf-8"), page()
    changed = "\n".join(
        difflib.unified_diff(pinned.splitlines(), now.splitlines(), "steps.txt", "now", lineterm="", n=1)
    )
    assert pinned == now, f"This breaks the state of running jobs.\n{HEAD}\n{changed}"


def test_every_keyed_step_keeps_its_log_and_its_version() -> None:
    found = "\n".join(steps())
    for name in ("Dedup", "Orders", "Attribute", "Figures", "Learn"):
        [step] = [step for step in found.split("step ") if step.startswith(f"{name}/")]
        assert "  state log: bag_spec of beam:coder:bytes:v1" in step
        assert "  state version: read_modify_write_spec of beam:coder:varint:v1" in step


def test_a_step_of_another_name_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = list(steps())
    renamed: Any = lambda name, *others: Sharded({"Orders": "OrderBook"}.get(name, name), *others)  # noqa: E731
    monkeypatch.setattr(live_room, "Sharded", renamed)
    assert set(before) ^ set(steps()) == {
        f"step {name}/Keep/ParDo(_ShardDoFn): beam:transform:pardo:v1" for name in ("Orders", "OrderBook")
    }


def test_another_layout_of_what_is_kept_is_noticed() -> None:
    state = {"book": {"time": np.zeros(3, np.int64), "names": ["a", "b"]}, "low": (1, None)}
    told = sorted(set(layout(state)))
    assert told == [
        ".book.names[]: builtins.str",
        ".book.time: 1-dimensional int64",
        ".low[0]: builtins.int",
        ".low[1]: builtins.NoneType",
    ]
    other = partial(np.zeros, 3)
    for book in ({"time": other(np.int32)}, {"times": other(np.int64)}, {"time": other([("a", "<i8")])}):
        assert set(layout(state | {"book": book | {"names": ["c"]}})) != set(told)


def test_on_flink_no_step_hands_back() -> None:
    """What is handed back stays in Flink's state for ever (apache/beam#27648)."""
    assert sum("restriction:" in line for line in steps()) == 1
    assert not any("restriction:" in line for line in steps(by_timers=True))


@pytest.mark.parametrize(("runner", "by_timers"), [("FlinkRunner", True), ("PrismRunner", False)])
def test_only_flink_is_come_back_to_by_a_timer(runner: str, by_timers: bool, tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").touch()
    request = JobRequest(kind="replay", sources=(str(tmp_path),), runner=runner)
    options = cluster_options(request, Settings(), "redis://localhost", shards=2, bounded=True)
    assert options.read_by_timers is by_timers
