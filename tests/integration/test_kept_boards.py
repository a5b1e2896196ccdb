"""The leaderboards in Redis are those of the exported figures: at the end, after kills, and in every look."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kept_boards import exported_boards, kept_boards
from running import exported, replayed

from runners.embedded_redis import open_redis
from schemas.keys import BOARDS, END, NAMESPACE, board_key, metric_key, snapshot_key
from schemas.metrics import EVENT_TIME_COUNTS, TOTAL_START, derive
from serving.access import Store, read_together
from serving.cells import decode_cell

LOOKS = 100
RANKED = ("gmv_paid_minor", "net_gmv_minor", "views")


def test_a_replay_ends_with_the_boards_of_its_export(generate: Callable[..., Path], tmp_path: Path) -> None:
    """Fast enough that windows close, and their cells go, in between."""
    replayed(tmp_path, generate(25_000, 0.5), settings={"batch_rows": 1000, "allowed_lateness_ms": 60_000})
    with open_redis(None, tmp_path) as store:
        kept = kept_boards(store.client)
    assert kept == exported_boards(exported(tmp_path))
    assert {place[2] for place in kept} == {"hour", "day", "total"}


@pytest.mark.parametrize("scope", ["item"])
def test_a_board_that_is_as_of_the_figures_is_ranked_from_them(
    scope: str, generate: Callable[..., Path], tmp_path: Path
) -> None:
    together = []
    with open_redis(None, tmp_path) as redis:
        ended = threading.Event()

        def watch() -> None:
            store, looks = Store(redis.client, NAMESPACE), 0
            while not ended.is_set() or looks < LOOKS:
                looks += 1
                boards = [board_key(NAMESPACE, "e", scope, "total", TOTAL_START, metric) for metric in RANKED]
                commands: list[Any] = [("HGET", snapshot_key(NAMESPACE), name) for name in (BOARDS, END)]
                commands += [("HGETALL", metric_key(NAMESPACE, "e", scope, "total", TOTAL_START))]
                seen = read_together(
                    store, [*commands, *(("ZRANGE", key, 0, -1, "WITHSCORES") for key in boards)]
                )
                as_of, figures_as_of, cells, *sets = seen.answers
                if seen.whole and as_of == figures_as_of is not None:
                    together.append((as_of, cells, sets))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            replayed(tmp_path, generate(25_000, 2.0), settings={"batch_rows": 400}, speed=100_000.0)
        finally:
            ended.set()
            watcher.join()
    assert len({as_of for as_of, *_ in together}) > 1
    for _, cells, sets in together:
        counts = {field: derive(decode_cell(cell, EVENT_TIME_COUNTS)) for field, cell in cells.items()}
        for metric, places in zip(RANKED, sets, strict=True):
            values = sorted(((told[metric], field) for field, told in counts.items()), reverse=True)[:100]
            assert sorted(score for _, score in places) == sorted(value for value, _ in values if value > 0)
            assert all(counts[field][metric] == score for field, score in places)
