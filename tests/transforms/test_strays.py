"""What a failed attempt published and the next one, which gets pieces in another order, never comes to: it goes."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from recorded import at_once
from test_pipeline_shards import HOUR, T0, Row, admitted, carried
from test_shards import Cells, Log, Version

from runners.embedded_redis import OpenRedis, open_redis
from schemas.keys import unpack
from transforms.dedup import DedupShard, Routes
from transforms.io.redis_publisher import RedisPublisher, RedisPublishers
from transforms.orders.shard import OrderShard
from transforms.pieces import FINAL, Piece
from transforms.shards import _ShardDoFn

SHARDS = 2


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OpenRedis]:
    with open_redis(None, tmp_path) as found:
        yield found


def order(number: int, status: str, name: str) -> Row:
    return {
        "event_id": f"e{number}", "event_type": "order", "event_time": T0 + number * 1000, "user_id": "u1",
        "item_id": "i1", "order_id": name, "quantity": 1, "amount_minor": 500, "currency": "CNY",
        "order_status": status,
    }  # fmt: skip


def pieces_of(rows: list[Row]) -> list[tuple[int, Piece]]:
    """One piece an event for each shard, as deduplication sends them; unnumbered, since every call has its own."""
    dedup = DedupShard(0, 24 * HOUR, Routes(SHARDS, False), lambda *_: None)
    cut = [piece for piece in admitted(rows, set(range(len(rows)))) if piece.urgent != FINAL]
    found = [keyed for piece in cut for tag, keyed in carried(dedup.absorb(piece)) if tag == "new"]
    return [(key, replace(piece, progress=piece.progress._replace(sequence=0))) for key, piece in found]


class Worker:
    """A worker of orders, made at a moment, over state that is committed or not."""

    def __init__(self, url: str, at_s: float, cells: dict[int, Cells]) -> None:
        opened = partial(RedisPublisher, RedisPublishers(url, "is"), lambda: at_s)
        month = 30 * 24 * HOUR
        made = partial(OrderShard, shards=SHARDS, horizon_ms=month, lateness_ms=HOUR, open_publisher=opened)
        self._fn = _ShardDoFn("Orders", partial(made, namespace="is", pace=at_once()), None)
        self._fn.setup()
        self._cells = cells

    def take(self, rows: list[Row]) -> None:
        for key, piece in pieces_of(rows):
            list(
                self._fn.process((key, piece), Log(self._cells[key]), Version(self._cells[key]), Log(Cells()))
            )


def open_points(store: OpenRedis) -> dict[str, list[int]]:
    client: Any = store.client
    return {
        field.decode(): unpack(value)[1]
        for key in client.scan_iter("is:{x:*")
        for field, value in client.hgetall(key).items()
        if unpack(value)[1][0]
    }


def test_an_orphan_of_a_lost_stretch_that_never_was_one_again_is_gone(store: OpenRedis) -> None:
    for name in ("o1", "o2", "o3", "o4"):
        committed = {key: Cells() for key in range(SHARDS)}
        lost = {key: cells.copy() for key, cells in committed.items()}
        Worker(store.url, 1.8e9, lost).take([order(2, "refunded", name)])
        assert len(open_points(store)) == 1
        Worker(store.url, 1.8e9 + 5, committed).take([order(1, "paid", name), order(2, "refunded", name)])
        assert open_points(store) == {}


def test_an_orphan_that_was_one_before_stays(store: OpenRedis) -> None:
    committed = {key: Cells() for key in range(SHARDS)}
    Worker(store.url, 1.8e9, committed).take([order(1, "refunded", "o1"), order(2, "refunded", "o2")])
    before = open_points(store)
    lost = {key: cells.copy() for key, cells in committed.items()}
    Worker(store.url, 1.8e9 + 5, lost).take([order(4, "refunded", "o3")])
    assert len(open_points(store)) == 3
    Worker(store.url, 1.8e9 + 10, committed).take([order(3, "paid", "o3"), order(4, "refunded", "o3")])
    assert open_points(store) == before
