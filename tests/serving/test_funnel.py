"""A category's funnel as it is looked up and exported, against what was written into Redis by hand."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import redis
from published import Writer

from serving.export import export
from serving.funnel import FunnelMove
from serving.reader import Reader

DAY = 86_400_000
TOTAL = ("total", -1)
FIRST, SECOND = ("day", 0), ("day", DAY)


@pytest.fixture
def published(writer: Writer) -> Writer:
    """Five know tea, three of whom went on; one came by ordering, and one came back. Nobody is left of pots."""
    for step, total, days in (
        ((None, "known"), [5, 0], {FIRST: 4, SECOND: 1}),
        ((None, "ordered"), [1, 0], {SECOND: 1}),
        (("known", "interested"), [3, 2001], {SECOND: 3, FIRST: 0}),
        (("interested", "ordered"), [2, 40], {SECOND: 2}),
        (("ordered", "repurchased"), [1, 2 * DAY], {SECOND: 1}),
    ):
        writer.moved(TOTAL, "tea", step, total)
        for day, users in days.items():
            writer.moved(day, "tea", step, [users])
    writer.moved(TOTAL, "pots", (None, "known"), [0, 0])
    writer.moved(TOTAL, "none", (None, "interested"), [7, 0])
    return writer


def test_a_category(published: Writer) -> None:
    funnel = Reader(published.client).funnel("tea")
    assert funnel.stages == {"known": 2, "interested": 1, "ordered": 2, "repurchased": 1}
    assert funnel.moves == [
        FunnelMove(None, "known", 5), FunnelMove(None, "ordered", 1), FunnelMove("known", "interested", 3, 1000.5),
        FunnelMove("interested", "ordered", 2, 20.0), FunnelMove("ordered", "repurchased", 1, float(DAY)),
    ]  # fmt: skip
    assert [(move.day_ms, move.from_stage, move.to_stage, move.users) for move in funnel.days] == [
        (0, None, "known", 4), (DAY, None, "known", 1), (DAY, None, "ordered", 1), (DAY, "known", "interested", 3),
        (DAY, "interested", "ordered", 2), (DAY, "ordered", "repurchased", 1),
    ]  # fmt: skip


def test_some_days(published: Writer) -> None:
    funnel = Reader(published.client).funnel("tea", to_ms=DAY)
    assert [(move.day_ms, move.users) for move in funnel.days] == [(0, 4)]
    assert funnel.stages["known"] == 2


def test_a_category_that_nobody_was_seen_in(published: Writer) -> None:
    for category in ("pots", "other"):
        funnel = Reader(published.client).funnel(category)
        assert (set(funnel.stages.values()), funnel.moves, funnel.days) == ({0}, [], [])


def test_exported(published: Writer, client: redis.Redis, tmp_path: Path) -> None:
    export(client, "is", tmp_path / "out")

    def rows(name: str) -> list[tuple[Any, ...]]:
        table = pq.read_table(tmp_path / "out" / f"{name}.parquet")
        return [tuple(row.values()) for row in table.to_pylist()]

    first, second = (datetime.fromtimestamp(day / 1000, UTC) for day in (0, DAY))
    assert rows("funnel_stages") == [
        ("none", "interested", 7), ("tea", "interested", 1), ("tea", "known", 2), ("tea", "ordered", 2),
        ("tea", "repurchased", 1),
    ]  # fmt: skip
    assert rows("funnel_moves") == [
        ("tea", first, None, "known", 4), ("tea", second, "interested", "ordered", 2),
        ("tea", second, "known", "interested", 3), ("tea", second, "ordered", "repurchased", 1),
        ("tea", second, None, "known", 1), ("tea", second, None, "ordered", 1),
    ]  # fmt: skip
    assert rows("funnel_times") == [
        ("tea", "interested", "ordered", 20.0), ("tea", "known", "interested", 1000.5),
        ("tea", "ordered", "repurchased", float(DAY)),
    ]  # fmt: skip
