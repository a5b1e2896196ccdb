"""What the wall's views say of figures put into Redis by hand."""

import msgspec
import pyarrow as pa
import pytest
import redis
from published import VERSION, Writer

from online_models.payload import ModelPayload, Ranked, ShadowPayload
from schemas.errors import UsageError
from schemas.keys import model_key, order_log_key, pack_version
from serving.access import Store
from serving.learned import ShadowFigures
from serving.wall.broadcasts import read_span
from serving.wall.health import read_health
from serving.wall.model import read_model
from serving.wall.order_index import OrderIndex, airings, of_session
from serving.wall.platform import read_platform
from serving.wall.quality import read_quality
from serving.wall.room import read_broadcast, read_room

MINUTE = 60_000
encode = msgspec.msgpack.encode
PLACED, PAID = 0, 1


@pytest.fixture
def results(client: redis.Redis) -> Store:
    return Store(client, "is")


def order(event_id: str, status: int, amount: int, **scopes: str) -> dict[str, object]:
    return {
        "event_id": event_id, "order_id": f"o-{event_id}", "item_id": scopes.get("item", "i"), "status": status,
        "event_time_ms": 5 * MINUTE, "amount_minor": amount,
        **{f"scope_{name}": scope for name, scope in scopes.items()},
    }  # fmt: skip


def log(client: redis.Redis, shard: int, name: str, events: list[dict[str, object]]) -> None:
    table = pa.Table.from_pylist(events)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table)
    client.hset(order_log_key("is", shard), name, pack_version(VERSION) + sink.getvalue().to_pybytes())


def test_an_empty_store_has_empty_views(results: Store) -> None:
    index = OrderIndex(results)
    assert read_platform(results, index).trend is None
    assert read_quality(results).refused == 0
    assert read_model(results).quality is None
    assert read_health(results).events == []
    with pytest.raises(UsageError, match="Nothing is published of room 'r'"):
        read_room(results, index, "r")
    with pytest.raises(UsageError, match="No broadcast 's'"):
        read_broadcast(results, index, "s")


def test_orders_are_indexed_once_however_they_are_written(client: redis.Redis, results: Store) -> None:
    here = {"session": "s", "room": "r", "creator": "c", "item": "i", "traffic_source": "follow"}
    index = OrderIndex(results)
    assert index.refresh() is None
    log(client, 0, "1", [order("a", PAID, 5, **here), order("b", PLACED, 7, **here)])
    log(client, 3, "1", [order("b", PLACED, 7, **here), order("c", PAID, 11, **here | {"session": "t"})])
    log(client, 3, "2", [order("c", PAID, 11, **here | {"session": "t"})])
    table = index.refresh()
    assert sorted(table["event_id"].to_pylist()) == ["a", "b", "c"]
    log(client, 0, "2", [order("d", PAID, 13, **here)])
    own = of_session(index.refresh(), "s")
    assert own is not None
    assert sorted(own["amount_minor"].to_pylist()) == [5, 7, 13]
    assert [(a.session_id, a.room_id, a.creator_id) for a in airings(index.refresh())] == [
        ("s", "r", "c"),
        ("t", "r", "c"),
    ]


def test_an_emptied_log_is_begun_again(client: redis.Redis, results: Store) -> None:
    index = OrderIndex(results)
    log(client, 0, "1", [order("a", PAID, 5, session="s")])
    log(client, 0, "2", [order("b", PAID, 5, session="s")])
    assert index.refresh().num_rows == 2
    client.flushdb()
    log(client, 0, "1", [order("x", PAID, 9, session="u")])
    assert index.refresh()["event_id"].to_pylist() == ["x"]


def test_another_jobs_log_is_begun_again_though_it_is_longer(
    client: redis.Redis, writer: Writer, results: Store
) -> None:
    index = OrderIndex(results)
    writer.job(job_id="one")
    log(client, 0, "1", [order("a", PAID, 5, session="s")])
    assert index.refresh().num_rows == 1
    client.flushdb()
    writer.job(job_id="two")
    log(client, 0, "1", [order("x", PAID, 9, session="u")])
    log(client, 0, "2", [order("y", PAID, 9, session="u")])
    assert sorted(index.refresh()["event_id"].to_pylist()) == ["x", "y"]


def test_a_show_is_from_its_first_to_its_last_viewed_minute(writer: Writer, results: Store) -> None:
    refund_only = [0] * 12 + [50]
    for window, start, counts in [
        ("day", 0, [3]), ("hour", 0, [3]), ("minute", 2 * MINUTE, [1]), ("minute", 7 * MINUTE, [2]),
        ("day", 86_400_000, refund_only), ("hour", 86_400_000, refund_only), ("minute", 86_400_000, refund_only),
    ]:  # fmt: skip
        writer.cell("e", "session", (window, start), "s", counts)
    span = read_span(results, "session", "s")
    assert span is not None
    assert (span.from_ms, span.to_ms) == (2 * MINUTE, 8 * MINUTE)


def test_a_room_without_orders_is_shown_by_its_own_figures(writer: Writer, results: Store) -> None:
    for window, start in [("day", 0), ("hour", 0), ("minute", 2 * MINUTE), ("total", -1)]:
        writer.cell("e", "room", (window, start), "r", [4])
    view = read_room(results, OrderIndex(results), "r")
    assert (view.session_id, view.total["views"], view.products) == (None, 4, [])


def model(version: int) -> bytes:
    empty = Ranked([], b"", b"")
    return encode(ModelPayload(version, 5 * MINUTE, empty, [], None, {"predictions": 7.0}, []))


@pytest.mark.parametrize(("published_with", "is_shown"), [(3, True), (2, False)])
def test_a_shadow_is_shown_beside_the_model_that_it_was_published_with(
    client: redis.Redis, results: Store, published_with: int, is_shown: bool
) -> None:
    """One of an earlier version is of a job that has none any more."""
    counters = {"predictions": 7.0, "only_served": 2.0}
    shadow = encode(ShadowPayload(published_with, 5 * MINUTE, MINUTE, {"rate": 0.1}, counters))
    version = pack_version(VERSION)
    client.hset(model_key("is"), mapping={"model": version + model(3), "shadow": version + shadow})
    view = read_model(results)
    assert (view.version, view.quality) == (3, {"predictions": 7.0})
    expected = ShadowFigures(MINUTE, {"rate": 0.1}, counters) if is_shown else None
    assert view.shadow == expected
