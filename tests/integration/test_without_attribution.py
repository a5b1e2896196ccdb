"""`--no-attribution`: nothing is credited, and every figure is what it is with it."""

from pathlib import Path

import pytest
from dense_events import write_dense
from running import differing, exported, replayed, tables_of

from runners.cli.attribution import chosen_windows
from runners.embedded_redis import open_redis
from schemas.errors import UsageError
from serving.reader import Reader


def test_figures_are_the_same_and_nothing_is_credited(tmp_path: Path) -> None:
    events = write_dense(tmp_path / "events.jsonl", 2000, 1)
    with_it, without = tmp_path / "with", tmp_path / "without"
    replayed(with_it, events)
    replayed(without, events, attribution=False)
    tables = ("metrics", "leaderboards", "reconciliation", "deadletters")
    assert differing(exported(with_it), exported(without), tables) == []
    store = tables_of(without / "export")
    for name in ("attribution", "attribution_further", "credits"):
        assert store.execute(f"SELECT count(*) FROM {name}").fetchall() == [(0,)]
    with open_redis(None, without) as redis, pytest.raises(UsageError, match="no-attribution"):
        chosen_windows(Reader(redis.client).job().attribution_windows, None)
