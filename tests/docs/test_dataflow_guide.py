"""What the page on Dataflow says and can be held to without Dataflow: flags that Beam knows, a program that composes."""

import re
import sys
from typing import Any

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from doc_pages import ROOT, bare, blocks, tables

PAGE = ROOT / "docs" / "how-to" / "run-on-dataflow.md"


def test_beam_knows_every_flag() -> None:
    [table] = tables(PAGE, "## Flags")
    flags = [flag for row in table[1:] for flag in re.findall(r"--[^\s,]+", bare(row[0]))]
    given = {flag.removeprefix("--").partition("=")[0] for flag in flags}
    known = PipelineOptions(flags).get_all_options(retain_unknown_options=False)
    assert len(given) > 10
    assert given - known.keys() == set()


def test_the_program_composes_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    """All but its last line, which would submit it."""
    monkeypatch.setattr(sys, "argv", ["launch.py"])
    [program] = [block.text for block in blocks(PAGE) if "import apache_beam" in block.text]
    composing, run, after = program.partition("pipeline.run()")
    assert (run, after.strip()) == ("pipeline.run()", "")
    names: dict[str, Any] = {}
    exec(compile(composing, str(PAGE), "exec"), names)
    steps = {part.full_label for part in names["pipeline"].transforms_stack[0].parts}
    assert {"ReadEvents", "Dedup", "Orders", "Attribute", "Figures", "Learn"} <= steps
