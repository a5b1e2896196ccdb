"""`interestream report`: one file that says what the export says."""

import re
from pathlib import Path

import duckdb
import pytest
from wall_browser import Evening, interestream


@pytest.fixture(scope="module")
def sessions(evening: Evening) -> list[str]:
    found = duckdb.sql(f"""
        SELECT id FROM '{evening.export}/metrics.parquet' WHERE scope = 'session' AND "window" = 'total' AND id != 'none'
        ORDER BY gmv_paid_minor DESC, id""").fetchall()
    return [row[0] for row in found]


def written(evening: Evening, session: str, out: Path) -> str:
    interestream("report", session, "--out", out, "--data-dir", evening.data_dir)
    return out.read_text(encoding="utf-8")


def test_every_figure_is_the_exports(evening: Evening, sessions: list[str], tmp_path: Path) -> None:
    for session in sessions[:2]:
        text = written(evening, session, tmp_path / "report.html")
        ((paid, net, orders, viewers),) = duckdb.execute(
            f"""SELECT gmv_paid_minor, net_gmv_minor, orders_paid, viewers FROM '{evening.export}/metrics.parquet'
            WHERE scope = 'session' AND id = ? AND "window" = 'total'""",
            [session],
        ).fetchall()
        for shown in (
            f"CNY {paid / 100:,.2f}",
            f"CNY {net / 100:,.2f}",
            f"<dd>{orders:,}</dd>",
            f"<dd>{viewers:,}</dd>",
        ):
            assert shown in text


def test_it_needs_nothing_else_and_says_that_it_is_synthetic(
    evening: Evening, sessions: list[str], tmp_path: Path
) -> None:
    text = written(evening, sessions[0], tmp_path / "report.html")
    assert re.findall(r"(?:src|href|url)\s*[=(]|<script", text) == []
    assert "SYNTHETIC" in text


def test_the_same_figures_are_the_same_bytes(evening: Evening, sessions: list[str], tmp_path: Path) -> None:
    assert written(evening, sessions[0], tmp_path / "one.html") == written(
        evening, sessions[0], tmp_path / "two.html"
    )
